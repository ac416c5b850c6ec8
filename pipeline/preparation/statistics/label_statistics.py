"""Statistics of the label."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.arrays.moments import Moments


@dataclass(frozen=True)
class LabelStatistics:
    """Statistics of the label in the rows of all splits, unless stated otherwise.

    Attributes:
        numbers: number of labels that are numbers; true and false are texts.
        texts: number of labels that are texts.
        zero_one: number of labels that are 0 or 1.
        padded: whether a label is a number with a leading zero, which makes all of them texts.
        train: moments of the label in training rows.
        train_log: moments of log1p(label) in training rows; empty where not requested.
    """

    numbers: int
    texts: int
    zero_one: int
    train: Moments
    train_log: Moments
    padded: bool = False

    @property
    def is_text(self) -> bool:
        """Whether classes are texts, as they are written."""
        return self.texts > 0 or self.padded
