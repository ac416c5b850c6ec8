"""Prints what pip is to install for the project, one requirement a line; scripts/setup passes them to it.

python scripts/env/requirements.py EXTRA...

These are the requirements of setup.cfg with those of its extras, and in the place of Petastorm its own requirements
but for setuptools. Petastorm, which is installed before, asks for a setuptools below 70 in the name of `distutils` and
`pkg_resources`; those versions have known vulnerabilities, and with petastorm in its list pip would insist on them.
"""

from __future__ import annotations

import configparser
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SETUP = Path(__file__).resolve().parents[2] / "setup.cfg"
PETASTORM = "petastorm"
REFUSED = "setuptools"


def main() -> None:
    """Print them."""
    sys.stdout.writelines(f"{requirement}\n" for requirement in requirements(sys.argv[1:]))


def requirements(extras: Iterable[str]) -> Iterator[Requirement]:
    """The project's requirements and those of some extras, with Petastorm's in the place of Petastorm."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(SETUP, encoding="utf-8")
    lists = [setup["options"]["install_requires"], *(setup["options.extras_require"][extra] for extra in extras)]
    for requirement in parsed("\n".join(lists).splitlines()):
        if canonicalize_name(requirement.name) == PETASTORM:
            yield from (own for own in parsed(metadata.requires(PETASTORM) or ()) if own.name != REFUSED)
        else:
            yield requirement


def parsed(lines: Iterable[str]) -> Iterator[Requirement]:
    """Requirements that hold on this machine without further extras."""
    for line in lines:
        if line:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                yield requirement


if __name__ == "__main__":
    main()
