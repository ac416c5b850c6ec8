"""Checks the values of each row against the contract of the source, in the columns that the configuration uses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import category_of, finite, number_of
from pipeline.arrays.masks import Mask, mask_of, missing_of
from pipeline.arrays.strings import iso_date
from pipeline.arrays.times import as_timestamp_ntz, as_timestamp_utc, is_date_text
from pipeline.formatting import listed
from pipeline.preparation.rows.typed_rows import Condition, Inputs, TypedRows
from pipeline.schemas.source_contract import DATES, NUMBERS, ColumnTerms, ColumnType
from pipeline.schemas.text_reading import TextReading
from pipeline.schemas.tokens import FALSE, TRUE

INTEGERS_BELOW = float(1 << 63)


def broken_terms(name: str, terms: ColumnTerms, inputs: Inputs) -> Iterator[tuple[str, str, Condition]]:
    """The ways in which a row can break the terms of a column.

    Args:
        name: the name of the column.
        terms: its terms.
        inputs: how rows are read.

    Yields:
        What is wrong, what is allowed, and the condition that tells which of n rows have it.
    """
    data = inputs.data
    is_number = any(column.name == name and column.type == "number" for column in inputs.typed)
    roles = () if data is None else (data.label, data.weight, *data.key)
    if not terms.nullable and name not in roles:
        yield "is null", "a value in every row", lambda rows: rows.good & missing_of(rows.raw[name])
    if pa.types.is_string(inputs.raw.kinds[name]):
        yield from _wrong_type(name, terms.type, is_number, inputs.raw.reading(name))
    value = partial(_value, name, terms.type, is_number, inputs.raw.reading(name))
    if terms.min is not None:
        below = _bound(terms.min)
        yield f"is below {terms.min}", f"at least {terms.min}", lambda rows: _holds(rows, pc.less(value(rows), below))
    if terms.max is not None:
        above = _bound(terms.max)
        yield f"is above {terms.max}", f"at most {terms.max}", lambda rows: _holds(rows, pc.greater(value(rows), above))
    if terms.allowed is not None:
        allowed = pa.array([float(each) if isinstance(each, (bool, int)) else each for each in terms.allowed])
        yield "has another value", listed(terms.allowed), lambda rows: rows.good & _is_other(value(rows), allowed)


def _holds(rows: TypedRows, condition: pa.Array) -> Mask:
    return rows.good & mask_of(condition)


def _is_other(values: pa.Array, allowed: pa.Array) -> Mask:
    """[n]: whether a value is none of those allowed; -0.0 equals 0.0."""
    plain = pc.add(values, 0.0) if pa.types.is_floating(values.type) else values
    other: Mask = ~missing_of(values) & ~mask_of(pc.is_in(plain, allowed))
    return other


def _wrong_type(
    name: str, kind: ColumnType, is_number: bool, reading: TextReading
) -> Iterator[tuple[str, str, Condition]]:
    """Texts that do not have the type; that a text is no number in a numeric feature is an error of its own."""

    def absent(rows: TypedRows) -> Mask:
        return rows.good & ~missing_of(rows.raw[name]) & missing_of(_value(name, kind, is_number, reading, rows))

    if kind in NUMBERS and not is_number:
        yield "is not a number", "a number", absent
    if kind == "integer":
        yield (
            "is not an integer",
            "a whole number of at most 64 bits",
            lambda rows: _is_broken(rows, _value(name, kind, is_number, reading, rows)),
        )
    if kind == "boolean":
        yield "is not true or false", "true, false", lambda rows: _is_no_boolean(rows, name)
    if kind == "date":
        yield "is not a date", "a date, such as 2024-03-01", absent
    if kind == "timestamp":
        yield "is not a date and time", "a date and time, such as 2024-03-01 12:30:00", absent


def _is_broken(rows: TypedRows, numbers: pa.Array) -> Mask:
    """[n]: whether a number is not whole, or exceeds 64 bits."""
    values = numbers.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        whole = (np.floor(values) == values) & (np.abs(values) < INTEGERS_BELOW)
    broken: Mask = rows.good & ~np.isnan(values) & ~whole
    return broken


def _is_no_boolean(rows: TypedRows, name: str) -> Mask:
    text = rows.raw[name]
    is_boolean = pc.is_in(pc.ascii_trim(text, " "), pa.array([*TRUE, *FALSE]))
    return rows.good & ~missing_of(text) & ~mask_of(is_boolean)


def _value(name: str, kind: ColumnType, is_number: bool, reading: TextReading, rows: TypedRows) -> pa.Array:
    """The values of a column in its type [n]: doubles, texts or timestamps."""
    column = rows.raw[name]
    if kind in DATES:
        if reading.date and pa.types.is_string(column.type):
            column = iso_date(column, reading.date)
        timestamps = as_timestamp_utc(column)
        if kind == "timestamp" or not pa.types.is_string(column.type):
            return timestamps
        is_date = pa.array(is_date_text(pc.ascii_trim(column, " ")))
        return pc.if_else(is_date, timestamps, pa.scalar(None, timestamps.type))
    if kind == "text":
        return category_of(column)
    return finite(rows.values[name] if is_number else number_of(column, reading))


def _bound(bound: float | str) -> pa.Scalar:
    """A bound as a scalar; a text is a date, or a date and time."""
    return as_timestamp_ntz(pa.array([bound]))[0] if isinstance(bound, str) else pa.scalar(float(bound))
