"""What is counted of the label."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.arrays.moments import Moments


@dataclass(frozen=True)
class LabelStatistics:
    """The label, over all rows that can be used except where said.

    Attributes:
        numbers: labels that are numbers, true and false not among them.
        texts: labels that are there and no numbers.
        zero_one: labels that are 0 or 1.
        train: of the label in training rows.
        train_log: of log1p(label) in training rows; empty where it was not asked for.
    """

    numbers: int
    texts: int
    zero_one: int
    train: Moments
    train_log: Moments
