"""Writes the hashes of the files of all pins, scripts/env/constraints/hashes.txt. Run it after a pin was changed.

python scripts/env/lock.py

Needs `uv`, from an environment of its own, and the package index, whose hashes are trusted this once.
"""

from __future__ import annotations

import subprocess
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.tags import Tag
from packaging.utils import parse_wheel_filename
from pins import CONSTRAINTS, HASHES, Pins, read_pins, requirement

PYTHONS = ("cp311", "cp312", "cp313")
MACHINES = ("x86_64", "aarch64")
HEADER = """\
# SHA-256 of the files of each pin that fit Python 3.11 to 3.13 on Linux (glibc) and macOS: wheels, and archives of
# sources where there are no wheels. Written by scripts/env/lock.py, read by scripts/env/pins.py.
"""


def main() -> None:
    """Write the file."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for name, python in sets():
        for pin, values in hashes_of(read_pins(name), python):
            hashes.setdefault(pin, set()).update(values)
    lines = {pin: sorted(values) for pin, values in sorted(hashes.items())}
    HASHES.write_text(HEADER + "".join(requirement(*pin, lines) for pin in lines), encoding="utf-8")


def sets() -> Iterator[tuple[str, str]]:
    """The sets that scripts/setup installs, with the Python of each; those of Databricks are not among them."""
    for file in sorted(CONSTRAINTS.glob("*.txt")):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        if first.startswith("# For Python ") and first.split()[3].endswith(":"):
            yield file.stem, first.split()[3].removesuffix(":")


def hashes_of(pins: Pins, python: str) -> Iterator[tuple[tuple[str, str], set[str]]]:
    """The hashes of each pin's files, as the index has them.

    Raises:
        RuntimeError: a pin has no file that fits.
    """
    for package in _resolved(pins, python):
        values = set(_fitting(package))
        if not values:
            raise RuntimeError(f"{package['name']} {package['version']} has no file for these Pythons. Choose another.")
        yield (package["name"], package["version"]), values


def _resolved(pins: Pins, python: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        wanted, lock = Path(folder) / "pins.in", Path(folder) / "pylock.toml"
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in pins.versions.items()), encoding="utf-8")
        command = ["uv", "pip", "compile", "--quiet", "--universal", "--no-deps", "--python-version", python]
        subprocess.run([*command, wanted, "--output-file", lock], check=True)
        packages: list[dict[str, Any]] = tomllib.loads(lock.read_text(encoding="utf-8"))["packages"]
    return packages


def _fitting(package: Mapping[str, Any]) -> Iterator[str]:
    wheels = package.get("wheels", ())
    for wheel in wheels:
        name = wheel.get("name") or wheel["url"].rsplit("/", 1)[1]
        if any(fits(tag) for tag in parse_wheel_filename(name)[3]):
            yield wheel["hashes"]["sha256"]
    if not wheels:
        yield package["sdist"]["hashes"]["sha256"]


def fits(tag: Tag) -> bool:
    """Whether a wheel with this tag may be installed by scripts/setup."""
    stable = tag.abi == "abi3" and tag.interpreter.startswith("cp3") and int(tag.interpreter[3:] or 0) <= 13
    if not (tag.interpreter == "py3" or stable or (tag.interpreter in PYTHONS and not tag.abi.endswith("t"))):
        return False
    if tag.platform == "any" or tag.platform.startswith("macosx"):
        return True
    return tag.platform.startswith(("manylinux", "linux_")) and tag.platform.endswith(MACHINES)


if __name__ == "__main__":
    main()
