"""Which Java runs Spark.

Spark's own scripts take `$JAVA_HOME/bin/java`, else the first `java` on PATH, whatever its version, and fail late
and obscurely with a wrong one. We search the same two places, then beside this Python, where scripts/setup puts one on
machines that have none, and hand Spark the first suitable one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PlatformError, Problem

FIT_VERSIONS = (17, 21)
ANSWER_SECONDS = 30
REMEDY = (
    "Run ./scripts/setup, which puts one into .venv, or install one "
    "(Debian, Ubuntu: sudo apt-get install openjdk-17-jre-headless; Fedora: sudo dnf install java-21-openjdk-headless; "
    "macOS: brew install openjdk@17) and set JAVA_HOME"
)


@dataclass(frozen=True)
class JavaInstallation:
    """A Java that Spark can use.

    Attributes:
        program: the `java` command.
        version: its feature release, e.g. 17.
    """

    program: Path
    version: int

    @property
    def home(self) -> Path:
        """The value of JAVA_HOME with which Spark's scripts use this Java."""
        return self.program.parent.parent


def find_java() -> JavaInstallation:
    """The first Java 17 or 21 in JAVA_HOME, on PATH, or beside this Python.

    Raises:
        PlatformError: there is none; the message lists the unsuitable ones.
    """
    unfit = []
    for program in _candidates():
        version = _version_of(program)
        if version in FIT_VERSIONS:
            return JavaInstallation(program, version)
        unfit.append(f"{program} is {f'Java {version}' if version else 'no working Java'}")
    problem = Problem(
        "Spark needs Java, and no suitable one was found",
        allowed="version 17 or 21, in JAVA_HOME or on PATH",
        received="; ".join(unfit) or "no java executable",
        remedy=REMEDY,
    )
    raise PlatformError(str(problem))


def _candidates() -> Iterator[Path]:
    """Programs named java, each once, in the order of preference.

    Folders not called `bin` are skipped: Spark gets its Java by JAVA_HOME, which implies that layout.
    """
    folders = [Path(sys.executable).parent]
    folders[:0] = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    if home := os.environ.get("JAVA_HOME"):
        folders.insert(0, Path(home) / "bin")
    for folder in dict.fromkeys(folders):
        program = shutil.which("java", path=str(folder))
        if program and folder.name == "bin":
            yield Path(program).absolute()


def _version_of(program: Path) -> int | None:
    """The feature release that the program reports; None if it does not run."""
    try:
        answer = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    stated = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(stated.group(1)) if stated else None
