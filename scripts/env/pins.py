"""Prints pins with the hashes of their files, for `pip install --require-hashes`; scripts/setup passes them to it.

python scripts/env/pins.py SET FLAVOUR NAME...

SET is a file of scripts/env/constraints, as in python3.13, FLAVOUR is cpu or gpu, and NAME a part of the set
(`Pins.parts`) or a single pin.
pip then installs no file that is not in hashes.txt, whatever the index or a cache offers. Runs in a new environment,
and so without packages.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CONSTRAINTS = Path(__file__).parent / "constraints"
HASHES = CONSTRAINTS / "hashes.txt"
HEADINGS = {
    "build tools": "build",
    "compiled by scripts/setup": "compiled",
    "a Java": "java",
    "TensorFlow": "tensorflow",
    "only for the gpu extra": "gpu",
}
"""How the headings of parts begin; what stands below any other heading is the part `project`."""

OTHER_FLAVOUR = {"cpu": "tensorflow", "gpu": "tensorflow-cpu"}
"""TensorFlow is pinned under both of its names, which must not be installed together."""

APART = "petastorm"
"""Installed without its requirements, and so in no part, see requirements.py."""


@dataclass(frozen=True)
class Pins:
    """The exact versions of one set.

    Attributes:
        parts: versions by normalised names, by the name of the part: `build`, `compiled`, `java`,
            `tensorflow`, `gpu`, `project`.
    """

    parts: Mapping[str, Mapping[str, str]]

    @property
    def versions(self) -> dict[str, str]:
        """All versions, by normalised names."""
        return {name: version for part in self.parts.values() for name, version in part.items()}

    def chosen(self, names: Iterable[str], flavour: str) -> dict[str, str]:
        """The versions of parts, of the flavour `cpu` or `gpu`, and of single pins."""
        versions: dict[str, str] = {}
        for name in names:
            versions |= self._part(name, flavour) if name in self.parts else {name: self.versions[name]}
        return versions

    def _part(self, name: str, flavour: str) -> dict[str, str]:
        pins = dict(self.parts[name])
        if name == "tensorflow" and flavour == "gpu":
            pins |= self.parts["gpu"]
        return {pin: version for pin, version in pins.items() if pin not in (OTHER_FLAVOUR[flavour], APART)}


def main() -> None:
    """Print the pins."""
    chosen, flavour, *names = sys.argv[1:]
    hashes = read_hashes()
    sys.stdout.writelines(
        requirement(name, version, hashes) for name, version in read_pins(chosen).chosen(names, flavour).items()
    )


def read_pins(name: str) -> Pins:
    """The pins of a set, with those of the files that it includes by `-c`."""
    parts: dict[str, dict[str, str]] = {}
    part = "project"
    for line in _lines(name):
        if line.startswith("# "):
            part = next((part for start, part in HEADINGS.items() if line[2:].startswith(start)), "project")
        elif "==" in line:
            pin, version = line.split("==")
            parts.setdefault(part, {})[normalised(pin)] = version
    return Pins(parts)


def read_hashes() -> dict[tuple[str, str], list[str]]:
    """The SHA-256 of the files of each pin, by its name and version."""
    hashes: dict[tuple[str, str], list[str]] = {}
    for line in HASHES.read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        if "==" in line:
            pin, *options = line.split()
            name, version = pin.split("==")
            hashes[name, version] = [option.removeprefix("--hash=sha256:") for option in options]
    return hashes


def requirement(name: str, version: str, hashes: Mapping[tuple[str, str], Iterable[str]]) -> str:
    """A line of a requirements file, continued with the hashes."""
    options = (f"--hash=sha256:{value}" for value in hashes[name, version])
    return " \\\n    ".join([f"{name}=={version}", *options]) + "\n"


def normalised(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines(name: str) -> Iterator[str]:
    for line in (CONSTRAINTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("-c "):
            yield from _lines(line[3:].removesuffix(".txt"))
        else:
            yield line


if __name__ == "__main__":
    main()
