"""The names and values of plain lines of JSON, all lines of a block at once.

A line is plain if it is one object in the grammar of JSON, with spaces as its only white space. Where things are is
found from the quotation marks: a pair of them that a colon follows is a name, and a value stands between a name's colon
and the comma in front of the next name. All else that the grammar wants is checked, so that a line which is not plain
is never taken for one; it is left to a parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.sources.decoding.json_marks import (
    Ints,
    Lines,
    Mask,
    Signs,
    find_lines,
    find_names,
    skip_spaces,
    text_pairs,
)
from pipeline.sources.decoding.json_values import are_scalars, decode_name, decode_text, is_nested

LONGEST_NAME = 50_000

_KEY, _VALUE, _PARTS = 0, 2, 4
"""Each field has four texts: its name, what is between, its value, and what follows it."""


@dataclass(frozen=True)
class PlainLines:
    """The fields of a block, in their order.

    Attributes:
        lines: all lines of the block, with those that are not plain marked.
        rows: the line of each field; shape (fields,).
        names: the different names.
        name_ids: the name of each field; shape (fields,).
        texts: what values are taken from.
        indices: of each field's value in `texts`; shape (fields,).
        nulls: which values are null; shape (fields,).
    """

    lines: Lines
    rows: Ints
    names: Sequence[str]
    name_ids: Ints
    texts: pa.Array
    indices: Ints
    nulls: Mask

    def columns(self, wanted: Sequence[str]) -> list[pa.Array]:
        """The values of some names in the plain lines, one array of strings a name."""
        plain = np.flatnonzero(~self.lines.odd)
        numbers = {name: number for number, name in enumerate(self.names)}
        return [self._column(numbers.get(name), plain) for name in wanted]

    def _column(self, number: int | None, plain: Ints) -> pa.Array:
        if number is None:
            return pa.nulls(len(plain), pa.string())
        fields = np.flatnonzero(self.name_ids == number)
        if len(fields) == len(plain) and np.array_equal(self.rows[fields], plain):
            return self.texts.take(pa.array(self.indices[fields], mask=self.nulls[fields]))
        # Where a line has a name twice, the last one counts: the last assignment to an index is what it keeps.
        indices = np.zeros(len(self.lines.odd), np.int64)
        absent = np.ones(len(self.lines.odd), bool)
        indices[self.rows[fields]] = self.indices[fields]
        absent[self.rows[fields]] = self.nulls[fields]
        return self.texts.take(pa.array(indices[plain], mask=absent[plain]))


@dataclass(frozen=True)
class _Fields:
    """Where fields are in a block; shapes (fields,); ends are exclusive."""

    rows: Ints
    pairs: Ints
    name_starts: Ints
    name_ends: Ints
    starts: Ints
    ends: Ints
    good: Mask


def read_plain(block: bytes) -> PlainLines:
    """The fields of the plain lines of a block.

    Args:
        block: whole lines, each with a line feed behind it, without other line ends.
    """
    signs = np.frombuffer(block, np.uint8)
    lines = find_lines(block, signs)
    opens, closes = text_pairs(block, signs, lines)
    fields = _locate(signs, lines, opens, closes)
    lead = signs[fields.starts]
    is_text = lead == ord('"')
    after = np.minimum(fields.pairs + 1, max(len(opens) - 1, 0))
    whole = (opens[after] == fields.starts) & (closes[after] == fields.ends - 1)
    good = fields.good & (~is_text | whole) & (fields.name_ends - fields.name_starts <= LONGEST_NAME)
    texts = _texts(block, fields, is_text, good)
    indices = np.arange(len(good)) * _PARTS + _VALUE
    nulls = _check_others(signs, fields, texts, good, ~is_text)
    if b"\\" in block:
        texts = _unescape(signs, fields, texts, indices, good)
    names, name_ids = _names(texts, good)
    lines.odd[fields.rows[~good]] = True
    return PlainLines(lines, fields.rows, names, name_ids, texts, indices, nulls)


def _locate(signs: Signs, lines: Lines, opens: Ints, closes: Ints) -> _Fields:
    """Every name and its value, which lasts until the comma before the next name or the end of the object."""
    pairs, colons = find_names(signs, lines, opens, closes)
    starts = opens[pairs]
    bounds = np.append(np.searchsorted(starts, lines.firsts), len(starts))
    counts = np.diff(bounds)
    lines.odd[counts == 0] = True
    filled = np.flatnonzero(counts)
    before = skip_spaces(signs, starts - 1, -1)
    begun = signs[before] == ord(",")
    firsts, lasts = bounds[filled], bounds[filled + 1] - 1
    begun[firsts] = before[firsts] == lines.firsts[filled]
    stops, ended = np.append(before[1:], 0), np.append(begun[1:], True)
    stops[lasts], ended[lasts] = lines.lasts[filled], True
    begins = skip_spaces(signs, colons + 1, 1)
    ends = skip_spaces(signs, stops - 1, -1) + 1
    rows = np.repeat(np.arange(len(counts)), counts)
    return _Fields(rows, pairs, starts + 1, closes[pairs], begins, ends, begun & ended & (ends > begins))


def _names(texts: pa.Array, good: Mask) -> tuple[Sequence[str], Ints]:
    """The different names, and the one of each field; a field with a broken name is no longer good."""
    encoded = texts.take(pa.array(np.arange(len(good)) * _PARTS + _KEY)).dictionary_encode()
    names, name_ids = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    if not any("\\" in name for name in names):
        return names, name_ids
    decoded = [decode_name(name) if "\\" in name else name for name in names]
    good &= np.array([name is not None for name in decoded], bool)[name_ids]
    # One name may be spelled in several ways.
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name or "" for name in decoded))}
    return list(numbers), np.array([numbers[name or ""] for name in decoded])[name_ids]


def _texts(block: bytes, fields: _Fields, is_text: Mask, good: Mask) -> pa.Array:
    """The parts of all fields without a copy: an array of strings in which each begins where the last one ended."""
    offsets = np.empty((len(good), _PARTS), np.int32)
    offsets[:, 0] = fields.name_starts
    offsets[:, 1] = fields.name_ends
    offsets[:, 2] = np.where(good, fields.starts + is_text, fields.name_ends)
    offsets[:, 3] = np.where(good, fields.ends - is_text, fields.name_ends)
    flat = np.append(offsets.ravel(), np.int32(len(block)))
    return pa.StringArray.from_buffers(len(flat) - 1, pa.py_buffer(flat), pa.py_buffer(block))


def _check_others(signs: Signs, fields: _Fields, texts: pa.Array, good: Mask, others: Mask) -> Mask:
    """Which values are null; values that are neither texts nor valid are removed from `good`."""
    lead = signs[fields.starts]
    nested = np.flatnonzero(good & ((lead == ord("{")) | (lead == ord("["))))
    values = texts.take(pa.array(nested * _PARTS + _VALUE)).to_pylist()
    good[nested] = [is_nested(value) for value in values]
    scalars = good & others
    scalars[nested] = False
    numbers = np.flatnonzero(scalars)
    good[numbers] = are_scalars(texts.take(pa.array(numbers * _PARTS + _VALUE)))
    return np.asarray(scalars & (lead == ord("n")))


def _unescape(signs: Signs, fields: _Fields, texts: pa.Array, indices: Ints, good: Mask) -> pa.Array:
    """The texts, and after them the unescaped ones, to which `indices` then point."""
    slashes = np.flatnonzero(signs == ord("\\"))
    in_values = np.searchsorted(slashes, fields.ends) > np.searchsorted(slashes, fields.starts)
    escaped = np.flatnonzero(good & in_values & (signs[fields.starts] == ord('"')))
    unescaped = [decode_text(text) for text in texts.take(pa.array(indices[escaped])).to_pylist()]
    good[escaped] = [text is not None for text in unescaped]
    indices[escaped] = len(texts) + np.arange(len(escaped))
    return pa.concat_arrays([texts, pa.array(unescaped, pa.string())])
