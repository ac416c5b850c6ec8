"""What fitting is told of a column of training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.arrays.moments import Moments
from pipeline.arrays.values import Values
from pipeline.kinds.mapped.sums import LabelSums
from pipeline.kinds.scaled.curve import Curve

ValueCounts = Sequence[tuple[str, int]]
"""Texts and how often they occur, most frequent first, ties by code point."""


@dataclass(frozen=True)
class NumberStatistics:
    """A number.

    Attributes:
        moments: of its values.
        sample: finite values, ascending; may be empty where `NumericConfig.needs_sample` is False.
        curve: from `fit_curve`.
        curved: moments after clipping and shaping.
    """

    moments: Moments
    sample: Values
    curve: Curve
    curved: Moments


@dataclass(frozen=True)
class TextStatistics:
    """A text, or a cross.

    Attributes:
        counts: of its values; not looked at for a hashed feature.
        slots: how many values a multi-valued text has at most.
        sums: of the label by value, where the feature is its mean.
    """

    counts: ValueCounts = ()
    slots: int = 1
    sums: Mapping[str, LabelSums] | None = None
