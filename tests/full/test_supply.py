"""Advisories on all pinned versions, as scripts/audit finds them: needs pip-audit and its advisory data."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.full


@pytest.mark.timeout(3600)
def test_no_pin_has_an_advisory_that_is_not_waived(repository: Path) -> None:
    done = subprocess.run([repository / "scripts" / "audit"], capture_output=True, text=True, check=False)

    if done.returncode == 5:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
