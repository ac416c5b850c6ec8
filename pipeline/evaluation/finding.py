"""Findings about the learning curves of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """What curves may show."""

    DIVERGED = "diverged"
    UNSTABLE = "unstable"
    UNDERFITTING = "underfitting"
    OVERFITTING = "overfitting"
    STILL_IMPROVING = "still improving"
    VALIDATION_EASIER = "validation easier than training"
    NO_VALIDATION = "no validation"
    TOO_SHORT = "too short"
    HEALTHY = "no problems found"


@dataclass(frozen=True)
class Finding:
    """Something that the curves show.

    Attributes:
        kind: what was found.
        shown_by: a sentence with the figures.
        remedy: a sentence that says what to do; empty if there is nothing to do.
    """

    kind: FindingKind
    shown_by: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """The whole finding, as text."""
        return " ".join(part for part in (f"{self.kind.capitalize()}.", self.shown_by, self.remedy) if part)
