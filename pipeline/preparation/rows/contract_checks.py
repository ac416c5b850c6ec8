"""The contract of a source, held against a source: its columns before the first row is read, and each row's values.

Values are judged in the columns that the configuration uses. Where there is no contract yet, what was found out of the
types of a text format is enforced alike.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import category_of, column_type, finite, number_of
from pipeline.arrays.masks import Mask, mask_of, missing_of
from pipeline.arrays.times import as_timestamp_ntz, is_date_text
from pipeline.errors import DataError
from pipeline.formatting import SHOWN_AT_MOST, listed
from pipeline.kinds.plan import FeaturePlan
from pipeline.preparation.reading.raw import SourceTable
from pipeline.preparation.rows.typed_rows import Condition, Inputs, TypedRows
from pipeline.schemas.table import DATES, NUMBERS, ColumnTerms, ColumnType, KeptContract
from pipeline.schemas.tokens import FALSE, TRUE

log = logging.getLogger(__name__)

INTEGERS_BELOW = float(1 << 63)

_TITLES = ("column", "in the contract", "in the source", "what")


def check_columns(kept: KeptContract, table: SourceTable) -> None:
    """The columns of a source are those of its contract; there may be more, in any order.

    Raises:
        DataError: a table of the differences.
    """
    terms = kept.table.columns
    rows = [row for name in terms if (row := _difference(name, terms[name].type, table, terms)) is not None]
    if rows:
        raise DataError(
            f"The source is not what its contract says ({len(rows)} of {len(terms)} columns):\n{_aligned(rows)}\n"
            f"Correct the source, or edit the contract '{kept.location}', or delete it: "
            "the next run then writes it anew."
        )
    more = [name for name in table.names if name not in terms]
    if more:
        log.info("Columns that the contract does not have: %s.", ", ".join(more))


def terms_of(kept: KeptContract | None, table: SourceTable, types: Mapping[str, ColumnType]) -> dict[str, ColumnTerms]:
    """What rows must keep to, by column; without a contract, dates that were found in a text format are dates."""
    if kept is not None:
        return dict(kept.table.columns)
    return {name: ColumnTerms(type=kind) for name, kind in types.items() if table.is_text and kind in DATES}


def agreed_types(
    table: SourceTable, inputs: Inputs, plan: FeaturePlan, found: Mapping[str, ColumnType]
) -> dict[str, ColumnType]:
    """The type that the contract gives each column that is read, in the order of the source.

    Args:
        table: the source.
        inputs: the columns that are read.
        plan: the features.
        found: types that were found out, of a text format.
    """
    raw = inputs.raw
    names = sorted(raw.names, key=table.names.index)
    if not table.is_text:
        return {name: column_type(raw.kinds[name]) for name in names}
    numbers = {column.name for column in inputs.typed if column.type == "number"} | {inputs.label, inputs.weight}
    used = {column.name for column in inputs.typed}
    dates = used - {source for feature in plan.categorical for source in feature.sources}
    agreed: dict[str, ColumnType] = {}
    for name in names:
        kind = found.get(name, "text")
        if name in numbers:
            agreed[name] = kind if kind in (*NUMBERS, "boolean") else "number"
        else:
            agreed[name] = kind if kind in DATES and name in dates else "text"
    return agreed


def broken_terms(name: str, terms: ColumnTerms, inputs: Inputs) -> Iterator[tuple[str, str, Condition]]:
    """Ways to break the terms of a column that is read: what, what is allowed, and which of n rows do, [n].

    Args:
        name: of the column.
        terms: of the column.
        inputs: how rows are read.
    """
    data, is_number = inputs.data, _is_number(name, inputs)
    roles = () if data is None else (data.label, data.weight, *data.key)
    if not terms.nullable and name not in roles:
        yield "is null", "a value in every row", lambda rows: rows.good & missing_of(rows.raw[name])
    if pa.types.is_string(inputs.raw.kinds[name]):
        yield from _wrong_type(name, terms.type, is_number=is_number)
    value = partial(_value, name, terms.type, is_number)
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
    """-0.0 is 0.0."""
    plain = pc.add(values, 0.0) if pa.types.is_floating(values.type) else values
    other: Mask = ~missing_of(values) & ~mask_of(pc.is_in(plain, allowed))
    return other


def _difference(
    name: str, kind: ColumnType, table: SourceTable, known: Collection[str]
) -> tuple[str, str, str, str] | None:
    """One line of the table; None where the column is as it should be."""
    count = table.names.count(name)
    if count > 1:
        return name, kind, f"{count} times", "duplicated"
    if count == 1:
        here = kind if table.is_text else column_type(table.kinds[name])
        fits = here == kind or (kind == "number" and here == "integer")
        return None if fits else (name, kind, here, "retyped")
    other_case = next((there for there in table.names if there.lower() == name.lower()), None)
    if other_case is not None:
        return name, kind, other_case, "differs by case"
    near = get_close_matches(name, [there for there in table.names if there not in known], n=1)
    return (name, kind, near[0], "renamed?") if near else (name, kind, "-", "missing")


def _aligned(rows: Sequence[tuple[str, str, str, str]]) -> str:
    shown = [_TITLES, *(tuple(" ".join(cell.split())[:40] for cell in row) for row in rows[:SHOWN_AT_MOST])]
    widths = [max(len(row[i]) for row in shown) for i in range(len(_TITLES))]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in shown]
    lines = [line.rstrip() for line in lines]
    hidden = len(rows) - SHOWN_AT_MOST
    return "\n".join([*lines, *([f"  ... and {hidden} more."] if hidden > 0 else [])])


def _wrong_type(name: str, kind: ColumnType, *, is_number: bool) -> Iterator[tuple[str, str, Condition]]:
    """Of texts; that a column that is used as a number is none is said elsewhere."""

    def absent(rows: TypedRows) -> Mask:
        return rows.good & ~missing_of(rows.raw[name]) & missing_of(_value(name, kind, is_number, rows))

    if kind in NUMBERS and not is_number:
        yield "is not a number", "a number", absent
    if kind == "integer":
        yield "is not an integer", "a whole number of at most 64 bits", lambda rows: _is_broken(name, is_number, rows)
    if kind == "boolean":
        yield "is not true or false", "true, false", lambda rows: _is_no_boolean(rows, name)
    if kind == "date":
        yield "is not a date", "a date, such as 2024-03-01", absent
    if kind == "timestamp":
        yield "is not a date and time", "a date and time, such as 2024-03-01 12:30:00", absent


def _is_broken(name: str, is_number: bool, rows: TypedRows) -> Mask:
    """Whether a number is not whole, or beyond 64 bits."""
    values = _value(name, "integer", is_number, rows).to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        whole = (np.floor(values) == values) & (np.abs(values) < INTEGERS_BELOW)
    broken: Mask = rows.good & ~np.isnan(values) & ~whole
    return broken


def _is_no_boolean(rows: TypedRows, name: str) -> Mask:
    text = rows.raw[name]
    known = pc.is_in(pc.ascii_trim(text, " "), pa.array([*TRUE, *FALSE]))
    return rows.good & ~missing_of(text) & ~mask_of(known)


def _is_number(name: str, inputs: Inputs) -> bool:
    return any(column.name == name and column.type == "number" for column in inputs.typed)


def _value(name: str, kind: ColumnType, is_number: bool, rows: TypedRows) -> pa.Array:
    """The value of a column as its type has it: a double, a text or a moment."""
    column = rows.raw[name]
    if kind in DATES:
        moments = as_timestamp_ntz(column)
        if kind == "timestamp" or not pa.types.is_string(column.type):
            return moments
        is_date = pa.array(is_date_text(pc.ascii_trim(column, " ")))
        return pc.if_else(is_date, moments, pa.scalar(None, moments.type))
    if kind == "text":
        return category_of(column)
    return finite(rows.values[name] if is_number else number_of(column))


def _bound(bound: float | str) -> pa.Scalar:
    """A text is a date, or a date and time."""
    return as_timestamp_ntz(pa.array([bound]))[0] if isinstance(bound, str) else pa.scalar(float(bound))
