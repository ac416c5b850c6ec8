"""What texts that are no plain numbers, truth values or ISO dates look like: null markers, formatted numbers, dates.

Clues are counted here and weighed in `preparation/reading/column_readings.py`: of one text alone nobody knows whether
`1,234` is a thousand or a little more than one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.formatted_numbers import SPACES
from pipeline.arrays.layouts import read_layouts
from pipeline.arrays.masks import Mask, mask_of, matches, only, valid_of
from pipeline.arrays.tables import combined
from pipeline.schemas.text_reading import Thousands

_DATABASES = {"null", "(null)", "<na>", "none", "nil", "nan", r"\n"}
_PEOPLE = {"na", "n/a", "n.a.", "-", "--", ".", "..", "?", "missing"}
_EXCEL = {"#n/a", "#na", "#null!", "#div/0!", "#value!", "#ref!", "#num!", "#name?"}
NULL_MARKERS = frozenset(_DATABASES | _PEOPLE | _EXCEL)
"""Texts that mean null in files of other programs, in lower case."""

CLUES = pa.schema([("clue", pa.string()), ("count", pa.int64()), ("example", pa.string())])

NULL, SYMBOL = "null:", "symbol:"
"""Clues that end with the text that they are about."""
NUMBER, EITHER, GROUPED_POINT = "number", "comma or point", "point before three digits"
DECIMAL_POINT, DECIMAL_COMMA = "decimal point", "decimal comma"
_SIGNS: tuple[Thousands, ...] = (",", ".", " ", "'")
THOUSANDS: Mapping[Thousands, str] = {sign: f"thousands{sign}" for sign in _SIGNS}
DAY_FIRST, MONTH_FIRST, DAY_OR_MONTH = "day first", "month first", "day or month first"
ZONED, PADDED, OTHER = "time with zone", "leading zero", "other"

_TRIED = 1000
_LONGEST_MARKER, _LONGEST_NUMBER = max(map(len, NULL_MARKERS)), 40
_BEGINNINGS = np.isin(np.arange(256), [*b"0123456789+-(.,$"]) | (np.arange(256) > 127)
"""First bytes of formatted numbers and of dates; currency signs other than the dollar are no ASCII."""
_PARTS = (
    r"^(?P<open>\()?[+-]?(?P<before>\p{Sc})?" + SPACES + r"*[+-]?"
    r"(?P<digits>[0-9](?:[0-9.,'\x{2019}]|" + SPACES + r"[0-9])*|[.,][0-9]+)"
    r"(?:[eE][+-]?[0-9]+)?" + SPACES + r"*(?P<after>\p{Sc}|%)?\)?$"
)
_GROUP_SIGN = {",": ",", ".": r"\.", " ": SPACES, "'": r"['\x{2019}]"}
_DATE = r"^(?P<first>[0-9]{1,2})(?P<sign>[./-])(?P<second>[0-9]{1,2})[./-][0-9]{4}(?:[ T].*)?$"


def are_padded(text: pa.Array) -> Mask:
    """[n]: whether texts are digits with a leading zero, spaces around them aside; null is False."""
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    octets = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    if len(octets) < 2:
        return np.zeros(len(text), np.bool_)
    # By two bytes, since a pattern costs ten times as much, and few texts begin like this.
    first, second = (octets.take(offsets[:-1] + i, mode="clip") for i in (0, 1))
    perhaps: Mask = (first == ord("0")) & (second - np.uint8(ord("0")) < 10) & (np.diff(offsets) > 1) & valid_of(text)
    if perhaps.any():
        perhaps[perhaps] = matches(text.filter(pa.array(perhaps)), "^0[0-9]+ *$")
    return perhaps


def padded_clue(text: pa.Array) -> pa.Table:
    """The clue of digits with leading zeros, which no number keeps."""
    padded = are_padded(text)
    return _clue(PADDED, text, np.ones(len(text), np.int64), padded) if padded.any() else CLUES.empty_table()


def clues_in(texts: pa.Array) -> pa.Table:
    """The clues that texts [n] give, with their counts and the first example of each; without nulls, trimmed.

    Texts are looked at once each, so that a column of few categories costs no more than counting them. Most texts are
    told from numbers and dates by how they begin: the patterns for these cost much more.
    """
    values, counts = _counted(texts)
    length = pc.binary_length(values)
    short = np.flatnonzero(mask_of(pc.less_equal(length, _LONGEST_MARKER)))
    likely = np.flatnonzero(mask_of(pc.less_equal(length, _LONGEST_NUMBER)) & _begin_like_numbers(values))
    clues, known = [CLUES.empty_table()], np.zeros(len(values), np.bool_)
    for positions, masks in ((short, _markers), (likely, _dates), (likely, _numbers)):
        some, times = values.take(pa.array(positions)), counts[positions]
        for clue, mask in masks(some):
            known[positions] |= mask
            clues += [_clue(clue, some, times, mask)] if mask.any() else []
    if not known.all():
        clues.append(_clue(OTHER, values, counts, ~known))
    return pa.concat_tables(clues)


def summed_clues(tables: Sequence[pa.Table]) -> pa.Table:
    """The clues of several batches together."""
    return combined(tables, CLUES, count="sum", example="min")


def _clue(clue: str, values: pa.Array, counts: npt.NDArray[np.int64], mask: Mask) -> pa.Table:
    return pa.table([[clue], [int(counts[mask].sum())], [values[int(mask.argmax())].as_py()]], schema=CLUES)


def _counted(texts: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Values and how often they are there; of texts that are nearly all different, each as one."""
    if len(pc.unique(texts[:_TRIED])) > len(texts[:_TRIED]) // 2:
        return texts, np.ones(len(texts), np.int64)
    counted = texts.value_counts()
    return counted.field(0), counted.field(1).to_numpy()


def _begin_like_numbers(values: pa.Array) -> Mask:
    """[n]: by the first byte alone, which costs a hundredth of a pattern."""
    offsets = np.frombuffer(values.buffers()[1], np.int32)[values.offset : values.offset + len(values)]
    octets = np.frombuffer(values.buffers()[2] or b"", np.uint8)
    begin: Mask = (
        _BEGINNINGS.take(octets.take(offsets, mode="clip")) if len(octets) else np.zeros(len(values), np.bool_)
    )
    return begin


def _markers(values: pa.Array) -> Iterator[tuple[str, Mask]]:
    """Clues, and which of the values give them."""
    marked = mask_of(pc.is_in(pc.utf8_lower(values), pa.array(sorted(NULL_MARKERS))))
    for marker in pc.unique(values.filter(pa.array(marked))).to_pylist():
        yield NULL + marker, mask_of(pc.equal(values, marker))


def _dates(values: pa.Array) -> Iterator[tuple[str, Mask]]:
    yield ZONED, read_layouts(values).zoned
    if not matches(values, _DATE).any():
        return
    parts = pc.extract_regex(values, _DATE)
    # The fields of a text that does not match are empty.
    first, second = (only(parts.field(name), valid_of(parts)).cast(pa.int64()) for name in ("first", "second"))
    day_first, month_first = mask_of(pc.greater(first, 12)), mask_of(pc.greater(second, 12))
    yield DAY_FIRST, day_first & ~month_first
    yield MONTH_FIRST, month_first & ~day_first
    yield DAY_OR_MONTH, mask_of(first.is_valid()) & ~day_first & ~month_first


def _numbers(values: pa.Array) -> Iterator[tuple[str, Mask]]:
    # Telling whether a pattern matches is much quicker than taking its groups out.
    is_number = matches(values, _PARTS)
    if not is_number.any():
        return
    parts = pc.extract_regex(only(values, is_number), _PARTS)
    digits = parts.field("digits")
    symbols = pc.binary_join_element_wise(parts.field("before"), parts.field("after"), "")
    grouped = {sign: _grouped(digits, sign) for sign in THOUSANDS}
    either = matches(digits, r"^[1-9][0-9]{0,2},[0-9]{3}$")
    comma = matches(digits, ",[0-9]*$") & ~grouped[","] & ~either & matches(digits, "^[^,]*,[^,]*$")
    point = matches(digits, r"\.[0-9]*$") & ~grouped["."] & matches(digits, r"^[^.]*\.[^.]*$")
    grouped_point = matches(digits, r"^[1-9][0-9]{0,2}\.[0-9]{3}$")
    plain = matches(digits, "^[0-9]+$")
    yield NUMBER, is_number & (plain | either | comma | point | np.logical_or.reduce([*grouped.values()]))
    yield EITHER, either
    yield GROUPED_POINT, grouped_point
    yield DECIMAL_COMMA, comma
    yield DECIMAL_POINT, point & ~grouped_point
    yield from ((THOUSANDS[sign], mask) for sign, mask in grouped.items())
    for symbol in pc.unique(symbols).to_pylist():
        if symbol:
            yield SYMBOL + symbol, mask_of(pc.equal(symbols, symbol))


def _grouped(digits: pa.Array, sign: str) -> Mask:
    """Which numbers certainly have this sign between thousands: twice, or with another decimal sign behind it."""
    group = _GROUP_SIGN[sign]
    if sign not in (",", "."):
        return matches(digits, rf"^[0-9]{{1,3}}(?:{group}[0-9]{{3}})+(?:[.,][0-9]*)?$")
    decimal = r"\." if sign == "," else ","
    several, decimals = f"(?:{group}[0-9]{{3}}){{2,}}", f"(?:{group}[0-9]{{3}})+{decimal}[0-9]*"
    return matches(digits, rf"^[1-9][0-9]{{0,2}}(?:{several}(?:{decimal}[0-9]*)?|{decimals})$")
