"""Registries: entries found in modules, in zips, and of the user's own."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.registry import Registry


@dataclass(frozen=True)
class Fruit:
    """An entry."""

    name: str


ENTRY = "from tests.test_registry import Fruit\n"
APPLES = "BOSKOOP = Fruit('boskoop')\nELSTAR = Fruit('elstar')\n"


@pytest.fixture
def fruit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Registry[Fruit]:
    """A package of its own for every test."""
    package = f"orchard_{request.node.name.replace('[', '_').replace(']', '')}"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "apples.py").write_text(ENTRY + APPLES)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Registry("fruit", package, Fruit)


def test_a_module_that_is_added_adds_its_entries(
    fruit: Registry[Fruit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fruit.names == ("boskoop", "elstar")
    more = tmp_path / "more"
    more.mkdir()
    (more / "pears.py").write_text(ENTRY + "CONFERENCE = Fruit('conference')\n")
    package = sys.modules[fruit._package]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(more)])
    assert fruit.names == ("boskoop", "elstar", "conference")
    assert fruit.get("conference") == Fruit("conference")


def test_an_unknown_name_is_answered_with_the_nearest(fruit: Registry[Fruit]) -> None:
    with pytest.raises(
        ValueError, match=r"there is no fruit 'elster'\. Allowed: auto, boskoop, elstar, .*Did you mean 'elstar'\?"
    ):
        fruit.check("elster", "auto")
    with pytest.raises(
        ConfigError, match=r"There is no fruit 'elster'\. Allowed: boskoop, elstar, or .*Did you mean 'elstar'\?"
    ):
        fruit.get("elster")


def test_a_reference_stands_for_the_users_own(fruit: Registry[Fruit], tmp_path: Path) -> None:
    (tmp_path / "garden.py").write_text(ENTRY + "QUINCE = Fruit('quince')\nSTONE = 3\n")
    assert fruit.check("garden:QUINCE") == "garden:QUINCE"
    assert fruit.get("garden:QUINCE").name == "quince"
    with pytest.raises(ConfigError, match=r"allowed is an instance of tests\.test_registry\.Fruit\. Received: int"):
        fruit.get("garden:STONE")
    with pytest.raises(ConfigError, match=r"garden' has no attribute 'PLUM'\. Correct the name\.$"):
        fruit.get("garden:PLUM")
    with pytest.raises(ConfigError, match=r"garden' has no attribute 'QUINC'\. Did you mean 'QUINCE'\?$"):
        fruit.get("garden:QUINC")
    lenient = Registry("fruit", fruit._package, Fruit, adapt=lambda name, value: Fruit(f"{name} {value}"))
    assert lenient.get("garden:STONE").name == "garden:STONE 3"


def test_a_module_that_cannot_be_imported_is_answered_with_what_helps(fruit: Registry[Fruit], tmp_path: Path) -> None:
    (tmp_path / "shed").mkdir()
    for name, text in {"__init__": "", "needy": "import no_such_package", "broken": "{}['key']"}.items():
        (tmp_path / "shed" / f"{name}.py").write_text(f"{text}\n")
    for reference, end in {
        "nowhere.at_all:X": r"No module named 'nowhere'\. Install its package, or correct the name\.",
        "shed.tools:X": r"No module named 'shed\.tools'\. Correct the name\.",
        "shed.needy:X": r"No module named 'no_such_package'\. Install its package\.",
        "shed.broken:X": r"KeyError: 'key'\.",
    }.items():
        with pytest.raises(ConfigError, match=f"^Fruit '{reference}' cannot be used: {end}$"):
            fruit.get(reference)


def test_files_are_not_imported_where_entries_are_in_folders(fruit: Registry[Fruit], tmp_path: Path) -> None:
    folder = tmp_path / fruit._package / "citrus"
    folder.mkdir()
    (folder / "__init__.py").write_text(ENTRY + "LIME = Fruit('lime')\n")
    (tmp_path / fruit._package / "heavy.py").write_text("raise ImportError('heavy')\n")
    assert Registry("fruit", fruit._package, Fruit, folders_only=True).names == ("lime",)
    with pytest.raises(ImportError, match="heavy"):
        _ = fruit.names


def test_a_name_stands_for_one_entry(fruit: Registry[Fruit], tmp_path: Path) -> None:
    (tmp_path / fruit._package / "copies.py").write_text(ENTRY + "OTHER = Fruit('elstar')\n")
    with pytest.raises(ValueError, match=r"are called 'elstar', one of them in .*\.copies"):
        _ = fruit.names


def test_entries_are_found_in_a_zip(tmp_path: Path) -> None:
    """In a process of its own: a zip stays on the path of this one."""
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("hamper/__init__.py", "")
        archive.writestr("hamper/apples.py", ENTRY + APPLES)
    code = (
        "from pipeline.registry import Registry; from tests.test_registry import Fruit;"
        "print(Registry('fruit', 'hamper', Fruit).names)"
    )
    path = f"{packed}:{Path(__file__).parents[1]}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path}, check=False
    )
    assert done.stdout.strip() == "('boskoop', 'elstar')", done.stderr
