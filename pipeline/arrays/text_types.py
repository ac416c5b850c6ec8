"""The counts by which the type of a column of texts is found.

A column is what at least 99 % of its values are, so that a few broken ones stay bad rows that are named, and do not
turn a number into a text without a word. Among numbers one fraction makes the column a number, not an integer; among
dates, one time of day makes it a timestamp.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.layouts import read_layouts
from pipeline.arrays.masks import LINE_END, Mask, mask_of, matches, valid_of
from pipeline.arrays.numbers import numbers_in
from pipeline.arrays.text_clues import clues_in, padded_clue, summed_clues
from pipeline.arrays.times import is_time_text
from pipeline.schemas.source_contract import ColumnType
from pipeline.schemas.tokens import FALSE, TRUE

SHARE = 0.99
_LONGEST_INTEGER = 15
_INTEGER = rf"^[+-]?[0-9]{{1,{_LONGEST_INTEGER}}}{LINE_END}"


@dataclass(frozen=True)
class TextCounts:
    """How many texts are what; spaces around them do not count.

    Attributes:
        present: texts that are there.
        number: that hold a number.
        integer: of at most 15 digits, with a sign or without one.
        boolean: that are true or false in one of the usual spellings.
        date: that are laid out as a date.
        timestamp: that are laid out as a date with or without a time of day.
    """

    present: int = 0
    number: int = 0
    integer: int = 0
    boolean: int = 0
    date: int = 0
    timestamp: int = 0

    def merged(self, other: TextCounts) -> TextCounts:
        """The counts of both together."""
        return TextCounts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def type(self) -> ColumnType:
        """Numbers and dates are told apart so strictly that all but broken values keep to the type."""
        if not self.present:
            return "text"
        enough = SHARE * self.present
        if self.boolean + self.number >= enough:
            if not self.number:
                return "boolean"
            return "integer" if self.integer == self.number else "number"
        if self.timestamp >= enough:
            return "date" if self.date == self.timestamp else "timestamp"
        return "text"


def count_texts(text: pa.Array) -> TextCounts:
    """The counts of texts [n] in which null markers are null."""
    return describe_texts(text)[0]


def describe_texts(text: pa.Array) -> tuple[TextCounts, pa.Table]:
    """The counts of texts [n] in which null markers are null, and the clues of `text_clues.py`.

    Each way of looking is for what the quicker ones before it have left.
    """
    value = pc.ascii_trim(text.drop_null(), " ")
    counts, clues = TextCounts(), [padded_clue(value)]
    for recognize, count in ((_are_digits, _integers), (_are_timestamps, _dated)):
        recognized = recognize(value)
        counts = counts.merged(count(_where(value, recognized)))
        value = _where(value, ~recognized)
    number = numbers_in(value)
    fits, integer = valid_of(number), matches(_where(value, _may_be_whole(number)), _INTEGER)
    counts = counts.merged(TextCounts(len(value), number=int(fits.sum()), integer=int(integer.sum())))
    unlike = ~fits | np.isnan(number.to_numpy(zero_copy_only=False))
    if unlike.any():
        clues.append(clues_in(_where(value, unlike)))
    return counts.merged(_others(_where(value, ~fits))), summed_clues(clues)


def _where(value: pa.Array, mask: Mask) -> pa.Array:
    return value if mask.all() else value.filter(pa.array(mask))


def _are_digits(value: pa.Array) -> Mask:
    """Whether texts are integers without a sign."""
    short = pc.less_equal(pc.binary_length(value), _LONGEST_INTEGER)
    return mask_of(pc.and_(pc.ascii_is_decimal(value), short))


def _are_timestamps(value: pa.Array) -> Mask:
    """Whether texts are dates or times of the calendar, as they mostly are where some are."""
    return read_layouts(value, spark_only=True).read


def _integers(value: pa.Array) -> TextCounts:
    return TextCounts(len(value), number=len(value), integer=len(value))


def _may_be_whole(number: pa.Array) -> Mask:
    """False where a number has a fraction; a text that is no number may still end with a line behind its digits."""
    values = number.to_numpy(zero_copy_only=False)
    may: Mask = np.isnan(values) | (np.floor(values) == values)
    return may


def _dated(value: pa.Array) -> TextCounts:
    """Counts of texts that all are laid out as a date with or without a time of day."""
    # The shorter ones have no time of day, though a line may end behind the date.
    date = mask_of(pc.less(pc.binary_length(value), len("2024-06-30 12:00")))
    return TextCounts(len(value), date=int(date.sum()), timestamp=len(value))


def _others(value: pa.Array) -> TextCounts:
    """Counts of texts that are no numbers, and that are counted as present already."""
    boolean = mask_of(pc.is_in(value, value_set=pa.array((*TRUE, *FALSE))))
    dated = _dated(_where(value, is_time_text(value)))
    return TextCounts(boolean=int(boolean.sum()), date=dated.date, timestamp=dated.timestamp)
