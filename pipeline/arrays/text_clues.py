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

_PARTS = (
    r"^(?P<open>\()?[+-]?(?P<before>\p{Sc})?" + SPACES + r"*[+-]?"
    r"(?P<digits>[0-9](?:[0-9.,'\x{2019}]|" + SPACES + r"[0-9])*|[.,][0-9]+)"
    r"(?:[eE][+-]?[0-9]+)?" + SPACES + r"*(?P<after>\p{Sc}|%)?\)?$"
)
_GROUP_SIGN = {",": ",", ".": r"\.", " ": SPACES, "'": r"['\x{2019}]"}
_DATE = r"^(?P<first>[0-9]{1,2})(?P<sign>[./-])(?P<second>[0-9]{1,2})[./-][0-9]{4}(?:[ T].*)?$"


def are_padded(text: pa.Array) -> Mask:
    """[n]: whether texts are digits with a leading zero, spaces around them aside."""
    # A pattern costs more than both of these, and few texts begin like this.
    perhaps = mask_of(pc.and_(pc.starts_with(text, "0"), pc.greater(pc.binary_length(text), 1)))
    if perhaps.any():
        perhaps[perhaps] = matches(text.filter(pa.array(perhaps)), "^0[0-9]+ *$")
    return perhaps


def padded_clue(text: pa.Array) -> pa.Table:
    """The clue of digits with leading zeros, which no number keeps."""
    padded = are_padded(text)
    return _clue(PADDED, text, np.ones(len(text), np.int64), padded) if padded.any() else CLUES.empty_table()


def clues_in(texts: pa.Array) -> pa.Table:
    """The clues that texts [n] give, with their counts and the first example of each; without nulls, trimmed.

    Texts are looked at once each, so that a column of few categories costs no more than counting them.
    """
    counted = texts.value_counts()
    values, counts = counted.field(0), counted.field(1).to_numpy()
    clues = [_clue(clue, values, counts, mask) for clue, mask in _masks(values) if mask.any()]
    return pa.concat_tables([CLUES.empty_table(), *clues])


def summed_clues(tables: Sequence[pa.Table]) -> pa.Table:
    """The clues of several batches together."""
    return combined(tables, CLUES, count="sum", example="min")


def _clue(clue: str, values: pa.Array, counts: npt.NDArray[np.int64], mask: Mask) -> pa.Table:
    return pa.table([[clue], [int(counts[mask].sum())], [pc.min(values.filter(pa.array(mask))).as_py()]], schema=CLUES)


def _masks(values: pa.Array) -> Iterator[tuple[str, Mask]]:
    """Clues, and which of the values give them."""
    marked = mask_of(pc.is_in(pc.utf8_lower(values), pa.array(sorted(NULL_MARKERS))))
    for position in np.flatnonzero(marked).tolist():
        yield NULL + values[position].as_py(), np.arange(len(values)) == position
    known = marked.copy()
    for clue, mask in (*_dates(values), *_numbers(values)) if matches(values, "[0-9]").any() else ():
        known |= mask
        yield clue, mask
    yield OTHER, ~known


def _dates(values: pa.Array) -> Iterator[tuple[str, Mask]]:
    yield ZONED, read_layouts(values).zoned
    parts = pc.extract_regex(values, _DATE)
    if parts.null_count == len(parts):
        return
    # The fields of a text that does not match are empty.
    first, second = (only(parts.field(name), valid_of(parts)).cast(pa.int64()) for name in ("first", "second"))
    day_first, month_first = mask_of(pc.greater(first, 12)), mask_of(pc.greater(second, 12))
    yield DAY_FIRST, day_first & ~month_first
    yield MONTH_FIRST, month_first & ~day_first
    yield DAY_OR_MONTH, mask_of(first.is_valid()) & ~day_first & ~month_first


def _numbers(values: pa.Array) -> Iterator[tuple[str, Mask]]:
    parts = pc.extract_regex(values, _PARTS)
    is_number = mask_of(parts.is_valid())
    if not is_number.any():
        return
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
