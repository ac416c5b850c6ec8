from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Find = Callable[..., str]


@pytest.fixture
def find(repository: Path, tmp_path: Path) -> Find:
    """Calls scripts/env/find_python where only the Pythons that a test put there are found; gives what it printed."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "env", "sort"):
        (tools / tool).symlink_to(Path("/usr/bin") / tool)

    def call(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [repository / "scripts" / "env" / "find_python", *arguments],
            env={"PATH": f"{tmp_path / 'first'}:{tmp_path / 'second'}:{tools}", "PYENV_ROOT": str(tmp_path / "pyenv")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    return call


def put(place: Path, version: str, *, fails: bool = False) -> Path:
    """A program that answers as that Python does, which stands behind it as /real/VERSION; or a shim for nothing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("#!/usr/bin/env bash\n" + ("exit 127\n" if fails else f'echo "{version} /real/{version}"\n'))
    place.chmod(0o755)
    return place


def test_the_newest_that_is_supported_is_taken_from_path_or_from_pyenv(find: Find, tmp_path: Path) -> None:
    put(tmp_path / "first" / "python3", "3.14")
    put(tmp_path / "second" / "python3.11", "3.11")
    assert find() == "3.11 /real/3.11\n"
    put(tmp_path / "pyenv" / "versions" / "3.12.1" / "bin" / "python", "3.12")
    assert find() == "3.12 /real/3.12\n"
    put(tmp_path / "second" / "python", "3.13")
    assert find() == "3.13 /real/3.13\n"


def test_a_shim_for_nothing_hides_no_other_program_of_its_name(find: Find, tmp_path: Path) -> None:
    put(tmp_path / "first" / "python3.13", "3.13", fails=True)
    put(tmp_path / "pyenv" / "versions" / "3.11.7" / "bin" / "python", "3.11")
    assert find() == "3.11 /real/3.11\n"
    put(tmp_path / "second" / "python3.13", "3.13")
    assert find() == "3.13 /real/3.13\n"


def test_of_one_version_pyenv_s_newest_is_taken(find: Find, tmp_path: Path) -> None:
    for patch in ("3.12.1", "3.12.10", "3.12.9"):
        program = put(tmp_path / "pyenv" / "versions" / patch / "bin" / "python", "3.12")
        program.write_text(program.read_text().replace("/real/3.12", f"/real/{patch}"))
    assert find("3.12") == "3.12 /real/3.12.10\n"
    assert find("3.11", code=1) == ""


def test_a_program_is_taken_as_it_is_told(find: Find, tmp_path: Path) -> None:
    put(tmp_path / "first" / "python3.13", "3.13")
    assert find(str(put(tmp_path / "mine", "3.12"))) == "3.12 /real/3.12\n"
    assert find(str(put(tmp_path / "old", "3.10")), code=1) == ""
    assert find(str(tmp_path / "absent"), code=1) == ""


def test_without_any_python_nothing_is_told(find: Find) -> None:
    assert find(code=1) == ""


def test_a_virtual_environment_has_the_python_that_made_it(repository: Path, tmp_path: Path) -> None:
    """By whichever link that was found: else scripts/setup would make a finished .venv anew."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    find_python = repository / "scripts" / "env" / "find_python"

    found = [
        subprocess.run([find_python, program], capture_output=True, text=True, timeout=60, check=True).stdout
        for program in (sys.executable, tmp_path / "venv" / "bin" / "python")
    ]

    assert found[0] == found[1] != ""
