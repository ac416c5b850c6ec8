"""What the leak audit found: whether anything of the validation and test rows is known in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipeline.schemas.document import Document


class Check(Document):
    """One question and its answer.

    Attributes:
        name: what was looked at.
        passed: whether nothing was found.
        severity: of a finding: an error stops the job, a warning is logged.
        found: how many keys, rows or columns.
        detail: in plain words, with what to do about a finding.
    """

    name: str
    passed: bool
    severity: Literal["error", "warning"] = "error"
    found: int = 0
    detail: str = ""


class LeakAudit(Document):
    """The audit of one store, or of all folds of a cross-validation.

    Attributes:
        method: what decided the split, or the folds.
        rows: of each split; of folds those that were divided, and those of the test split, which are apart.
        left_out: rows in a gap before a cut.
        cuts: when splits by time begin, or periods of folds, as people write it.
        checks: the answers.
    """

    method: str
    rows: Mapping[str, int]
    left_out: int = 0
    cuts: Mapping[str, str] = {}
    checks: tuple[Check, ...] = ()

    @property
    def errors(self) -> tuple[Check, ...]:
        """Findings that must stop the job."""
        return tuple(check for check in self.checks if not check.passed and check.severity == "error")

    @property
    def warnings(self) -> tuple[Check, ...]:
        """Findings that a person should look at."""
        return tuple(check for check in self.checks if not check.passed and check.severity == "warning")
