"""Statistics of a column of training rows: which of them a kind needs, and what fitting gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.arrays.moments import Moments
from pipeline.arrays.values import Values
from pipeline.kinds.label_sums import LabelSums

ValueCounts = Sequence[tuple[str, int]]
"""Texts and how often they occur, most frequent first, ties by code point."""


class Transform(Protocol):
    """The transform of a number before it is scaled; plain data that is sent to tasks."""

    def array(self, values: Values) -> Values:
        """Of finite values, [n]."""


@dataclass(frozen=True)
class Needs:
    """The statistics that `fit` of a kind needs; moments of numbers are always collected.

    Attributes:
        sample: values of a number, sorted.
        transformed: moments of a number after the kind's `transform`; one more pass.
        counts: how often each text occurs.
        label_sums: sums of the label by text; one more pass.
    """

    sample: bool = False
    transformed: bool = False
    counts: bool = False
    label_sums: bool = False


@dataclass(frozen=True)
class NumberStatistics:
    """A number.

    Attributes:
        moments: of its values.
        sample: finite values, ascending; may be empty where it is not needed.
        transform: of the kind.
        transformed: moments after it; those of the values where these are not needed.
    """

    moments: Moments
    sample: Values
    transform: Transform | None
    transformed: Moments


@dataclass(frozen=True)
class TextStatistics:
    """A text, or a cross.

    Attributes:
        counts: of its values; empty where they are not needed.
        slots: how many values a multi-valued text has at most.
        sums: of the label by value, where they are needed.
    """

    counts: ValueCounts = ()
    slots: int = 1
    sums: Mapping[str, LabelSums] | None = None
