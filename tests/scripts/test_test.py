from __future__ import annotations

import subprocess
from pathlib import Path


def call(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [repository / "scripts" / "test", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_sweeps_are_listed_with_the_first_line_of_their_files(repository: Path) -> None:
    listed = call(repository, "--full")

    assert listed.returncode == 0
    assert len(listed.stdout.splitlines()) == len(list((repository / "tests" / "full").glob("test_*.py")))
    assert "\n  kills       Two ranks, one of them killed " in "\n" + listed.stdout
    assert call(repository, "--help").stdout.endswith(listed.stdout)


def test_an_unknown_sweep_is_answered_with_the_list(repository: Path) -> None:
    done = call(repository, "--full", "nonsense")

    assert done.returncode == 2
    assert done.stderr == "test: unknown sweep 'nonsense'; allowed are:\n" + call(repository, "--full").stdout
