"""Waivers, the bill of materials and the licences are of the pins that there are; the audit has a control."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.test_pins import SETS, loaded

ADVISORY = re.compile(r"(CVE-\d{4}-\d+|GHSA(-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+)")
HASH = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(scope="module")
def pins(repository: Path) -> Any:
    return loaded(repository, "pins")


def test_a_waiver_has_an_id_a_reason_and_a_date_and_is_of_a_pin(repository: Path, pins: Any) -> None:
    waivers = tomllib.loads((repository / "scripts/env/waivers.toml").read_text(encoding="utf-8"))["waiver"]
    pinned = {f"{name}=={version}" for each in SETS for name, version in pins.read_pins(each).versions.items()}
    page = (repository / "docs" / "security.md").read_text(encoding="utf-8")
    assert {"CVE-2024-10190", "CVE-2026-31234", "CVE-2025-69872"} <= {waiver["id"] for waiver in waivers}
    for waiver in waivers:
        assert set(waiver) == {"id", "pin", "reason", "date"}
        assert ADVISORY.fullmatch(waiver["id"])
        assert waiver["pin"] in pinned, f"{waiver['id']} is of a version that is no longer pinned: remove the waiver"
        assert len(waiver["reason"]) > 15
        assert isinstance(waiver["date"], datetime.date)
        assert re.search(rf"CVE-[\d, -]*{waiver['id'].rpartition('-')[2]}", page), "docs/security.md says more"


def test_the_bill_of_materials_has_each_pin_with_its_hashes_and_licence(repository: Path, pins: Any) -> None:
    bill = json.loads((repository / "docs" / "bom.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    versions = {component["name"]: component["version"] for component in bill["components"]}
    assert versions == pins.read_pins("python3.13").versions, "run scripts/env/bill.py"
    hashes = pins.read_hashes()
    for component in bill["components"]:
        pin = component["name"], component["version"]
        assert component["type"] == "library"
        assert component["bom-ref"] == component["purl"] == "pkg:pypi/{}@{}".format(*pin)
        assert [entry["value"] for entry in component["properties"]] == hashes[pin]
        assert component["licenses"][0]["license"]["name"] not in ("", "unknown")


def test_the_licences_are_those_that_packages_state(repository: Path, pins: Any) -> None:
    text = (repository / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    bill = loaded(repository, "bill")
    assert {name: version for name, version, *_ in rows[1:]} == pins.read_pins("python3.13").versions
    for name, version, licence, _ in rows[1:]:
        if _installed(name) == version:
            assert licence == bill.licence_of(name), "run scripts/env/bill.py"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        ("echo 'No known vulnerabilities found'", 5, "there is no advisory data here"),
        ("echo 'ERROR: setuptools could not be audited'; exit 1", 5, "there is no advisory data here"),
        ('grep -q 69.5.1 "$7" && echo setuptools CVE-2024-6345 && exit 1; exit 0', 0, "python3.13, 1"),
        ("echo CVE-2024-6345; exit 1", 1, "python3.13, 1"),
    ],
    ids=["skips everything", "cannot look up", "nothing found", "advisory"],
)
def test_the_audit_trusts_no_program_that_misses_a_known_advisory(
    repository: Path, tmp_path: Path, program: str, code: int, words: str
) -> None:
    (tmp_path / "pip-audit").write_text(f'#!/bin/bash\necho "$@" >>{tmp_path}/called\n{program}\n')
    (tmp_path / "pip-audit").chmod(0o755)
    command = [repository / "scripts" / "audit", "python3.13"]
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)

    assert done.returncode == code, done.stderr
    assert words in done.stderr
    calls = (tmp_path / "called").read_text().splitlines()
    assert all("--strict" in call for call in calls)
    assert ["--ignore-vuln CVE-2024-10190" in call for call in calls] == [False, *[True] * (code != 5)]
