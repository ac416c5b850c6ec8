"""Functions of texts as Spark computes them. A text is UTF-8; what counts characters counts code points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.operands import Numbers, Text, bytes_of, counted, finite, numbers_of
from pipeline.schemas.date_layout import PADDING, UNPADDED, date_layout

NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""What Spark's side reads as a number, spaces around it aside."""

TRIED = 100
"""Texts that are cast first, to see whether casting all is worth a try: Arrow is slow at texts that are no numbers."""

LATER_LETTERS: Mapping[int, int] = {
    **{0x10D50 + i: 0x10D70 + i for i in range(22)},
    **{0x1C89: 0x1C8A, 0xA7CB: 0x0264, 0xA7CC: 0xA7CD, 0xA7DA: 0xA7DB, 0xA7DC: 0x019B},
}
"""Capital to small letters that Unicode 16 added. Spark's ICU knows them, Python does from 3.14 on."""


def _cased(plain: Callable[[pa.Array], pa.Array], full: Callable[[str], str]) -> Callable[[pa.Array], pa.Array]:
    """A change of case: that of ASCII by Arrow, all else by Python, which like Spark has Unicode's special cases.

    Arrow maps letters one by one: it has no final sigma and no capital of ß.
    """

    def of_text(text: pa.Array) -> pa.Array:
        changed = plain(text)
        if bytes_of(text).max(initial=0) < 128:
            return changed
        others = pc.fill_null(pc.not_equal(pc.binary_length(text), pc.utf8_length(text)), False)
        coded = text.filter(others).dictionary_encode()
        values = pa.array([full(value) for value in coded.dictionary.to_pylist()], pa.string())
        return pc.replace_with_mask(changed, others, values.take(coded.indices))

    return of_text


@cache
def _later(capital: bool) -> Mapping[int, int]:
    """Letters whose case this Python does not know, small to capital or the other way."""
    unknown = {large: small for large, small in LATER_LETTERS.items() if chr(large).lower() == chr(large)}
    return {small: large for large, small in unknown.items()} if capital else unknown


def _lower(text: str) -> str:
    return text.lower().translate(_later(capital=False))


def _upper(text: str) -> str:
    return text.upper().translate(_later(capital=True))


def _substring(text: Text, start: float, length: float) -> Text:
    """`start` counts from 1; 0 is taken for 1."""
    first = max(int(start) - 1, 0)
    return pc.utf8_slice_codeunits(text, first, first + int(length))


def _to_number(text: pa.Array) -> Numbers:
    """Arrow's cast reads no more than `NUMBER` does, spaces and the names of NaN and of infinities aside."""
    numbers = None if _cast(text[:TRIED]) is None else _cast(text)
    if numbers is None:
        plain = pc.ascii_trim(text, " ")
        numbers = _cast(pc.if_else(pc.match_substring_regex(plain, NUMBER), plain, pa.scalar(None, pa.string())))
    return finite(numbers_of(numbers))


def _cast(text: pa.Array) -> pa.Array | None:
    """pa.float64(); None where a text is no number."""
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def concat(*texts: Text) -> Text:
    """One after the other; null where one of them is."""
    return pc.binary_join_element_wise(*texts, "")


def iso_date(text: pa.Array, layout: str) -> pa.Array:
    """Dates of a layout of `schemas/date_layout.py` in ISO 8601; other texts as they are."""
    found = date_layout(layout)
    iso = pc.replace_substring_regex(text, found.pattern, found.rewrite)
    return pc.if_else(pc.equal(iso, text), text, pc.replace_substring_regex(iso, PADDING, UNPADDED))


TEXTUAL: Mapping[str, Callable[..., Text | Numbers]] = {
    "lower": _cased(pc.ascii_lower, _lower),
    "upper": _cased(pc.ascii_upper, _upper),
    # Of bytes: no other character of UTF-8 has the space's in it.
    "trim": lambda text: pc.ascii_trim(text, " "),
    "trim_left": lambda text: pc.ascii_ltrim(text, " "),
    "trim_right": lambda text: pc.ascii_rtrim(text, " "),
    "length": counted(pc.utf8_length),
    "substring": _substring,
    "contains": counted(pc.match_substring),
    "starts_with": counted(pc.starts_with),
    "ends_with": counted(pc.ends_with),
    "to_number": _to_number,
    "iso_date": iso_date,
}
"""Each of a text and of constants as Python has them."""
