"""What the learning curves of a training run may show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """What a curve may show."""

    DIVERGED = "diverged"
    UNSTABLE = "unstable"
    UNDERFITTING = "underfitting"
    OVERFITTING = "overfitting"
    STILL_IMPROVING = "still improving"
    VALIDATION_EASIER = "validation easier than training"
    NO_VALIDATION = "no validation"
    TOO_SHORT = "too short"
    HEALTHY = "nothing to complain about"


@dataclass(frozen=True)
class Finding:
    """One thing that the curves show.

    Attributes:
        kind: its name.
        shown_by: a sentence with the figures.
        remedy: a sentence that says what to do; empty where there is nothing to do.
    """

    kind: FindingKind
    shown_by: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """All of it, as one reads it."""
        return " ".join(part for part in (f"{self.kind.capitalize()}.", self.shown_by, self.remedy) if part)
