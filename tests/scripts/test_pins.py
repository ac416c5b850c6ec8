"""Every pin has hashes, pip refuses other files, and the pins are what setup.cfg asks for."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.utils import canonicalize_name

SETS = ("python3.11", "python3.12", "python3.13", "pyarrow14")


def loaded(repository: Path, name: str) -> ModuleType:
    """A module of scripts/env."""
    spec = importlib.util.spec_from_file_location(name, repository / "scripts" / "env" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pins(repository: Path) -> Any:
    return loaded(repository, "pins")


def test_every_pin_has_hashes_and_every_hash_a_pin(pins: Any) -> None:
    wanted = {pin for name in SETS for pin in pins.read_pins(name).versions.items()}
    hashes = pins.read_hashes()
    assert set(hashes) == wanted, "run scripts/env/lock.py"
    assert all(values and all(len(value) == 64 for value in values) for values in hashes.values())


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("flavour", ["cpu", "gpu"])
def test_the_pins_are_what_setup_cfg_asks_for(repository: Path, pins: Any, name: str, flavour: str) -> None:
    extras = [flavour, "java", "delta", "dev"]
    needed = list(loaded(repository, "requirements").requirements(extras))
    versions = pins.read_pins(name).chosen(["build", "tensorflow", "project", "java"], flavour)
    for requirement in needed:
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement
    assert ("tensorflow" in versions, "tensorflow-cpu" in versions) == (flavour == "gpu", flavour == "cpu")
    assert not {"petastorm", "horovod"} & set(versions)


def test_another_archive_of_horovod_is_refused(repository: Path, tmp_path: Path) -> None:
    """Of an archive of Horovod that is not the pinned one, nothing is unpacked, let alone compiled."""
    with tarfile.open(tmp_path / "horovod-0.28.1.tar.gz", "w:gz") as archive:
        content = b"open('ran', 'w')\n"
        entry = tarfile.TarInfo("horovod-0.28.1/setup.py")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    script = (repository / "scripts" / "setup").read_text(encoding="utf-8")
    start = script.index("    python scripts/env/pins.py", script.index("compile_horovod() {"))
    download = script[start : script.index("tar -xzf", start)].replace(
        "download ", f"download --find-links {tmp_path} "
    )
    lines = [
        "set -euo pipefail",
        f"cd {repository}; sources={tmp_path}/sources pins=python3.13 flavour=cpu; mkdir $sources",
        f'python() {{ {sys.executable} "$@"; }}',
        f"{download} touch {tmp_path}/unpacked",
    ]
    environment = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PATH": "/usr/bin:/bin"}

    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120, check=False, env=environment
    )

    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "unpacked").exists()
