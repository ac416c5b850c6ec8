"""The contract of a source, held against a source: its columns before the first row is read, and each row's values.

Values are judged in the columns that the configuration uses. Where there is no contract yet, what was found out of the
types of a text format is enforced alike.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql.types import StringType

from pipeline.contract.features import FALSE, TRUE
from pipeline.contract.table import DATES, NUMBERS, ColumnTerms, ColumnType, KeptContract
from pipeline.data.convert import category_of, finite, number_of
from pipeline.data.kinds import is_date_text, is_time_text, type_of
from pipeline.data.raw import SourceTable
from pipeline.data.table import Inputs
from pipeline.errors import SHOWN_AT_MOST, DataError
from pipeline.features.plan import FeaturePlan

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
            f"Correct the source, or edit the contract '{kept.place}', or delete it: the next run then writes it anew."
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
    raw, data = inputs.raw, inputs.data
    names = sorted(raw.names, key=table.names.index)
    if not table.is_text:
        return {name: type_of(raw.kind(name)) for name in names}
    numbers = {column.name for column in inputs.typed if column.type == "number"} | {data.label, data.weight}
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


def broken_terms(name: str, terms: ColumnTerms, inputs: Inputs, good: Column) -> Iterator[tuple[str, str, Column]]:
    """Ways to break the terms of a column that is read: what, what is allowed, and the condition on a row.

    Args:
        name: of the column.
        terms: of the column.
        inputs: typed rows.
        good: whether a row has values at all.
    """
    text = F.col(inputs.raw.column(name))
    value = _value(name, terms.type, inputs)
    if not terms.nullable and name not in (inputs.data.label, inputs.data.weight, *inputs.data.key):
        yield "is null", "a value in every row", good & text.isNull()
    if isinstance(inputs.raw.kind(name), StringType):
        yield from _wrong_type(terms.type, text, value, good, is_number=_is_number(name, inputs))
    if terms.min is not None:
        yield f"is below {terms.min}", f"at least {terms.min}", good & (value < _bound(terms.min))
    if terms.max is not None:
        yield f"is above {terms.max}", f"at most {terms.max}", good & (value > _bound(terms.max))
    if terms.allowed is not None:
        allowed = [float(each) if isinstance(each, (bool, int)) else each for each in terms.allowed]
        yield "has another value", _listed(terms.allowed), good & ~value.isin(*allowed)


def _difference(
    name: str, kind: ColumnType, table: SourceTable, known: Collection[str]
) -> tuple[str, str, str, str] | None:
    """One line of the table; None where the column is as it should be."""
    count = table.names.count(name)
    if count > 1:
        return name, kind, f"{count} times", "duplicated"
    if count == 1:
        here = kind if table.is_text else type_of(table.kinds[name])
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


def _wrong_type(
    kind: ColumnType, text: Column, value: Column, good: Column, *, is_number: bool
) -> Iterator[tuple[str, str, Column]]:
    """Of texts; that a column that is used as a number is none is said elsewhere."""
    absent = good & text.isNotNull() & value.isNull()
    if kind in NUMBERS and not is_number:
        yield "is no number", "a number", absent
    if kind == "integer":
        whole = (F.floor(value).cast("double") == value) & (F.abs(value) < INTEGERS_BELOW)
        yield "is no integer", "a whole number of at most 64 bits", good & ~whole
    if kind == "boolean":
        yield "is not true or false", "true, false", good & text.isNotNull() & ~F.trim(text).isin(*TRUE, *FALSE)
    if kind == "date":
        yield "is no date", "a date, such as 2024-03-01", absent
    if kind == "timestamp":
        yield "is no date and time", "a date and time, such as 2024-03-01 12:30:00", absent


def _is_number(name: str, inputs: Inputs) -> bool:
    return any(column.name == name and column.type == "number" for column in inputs.typed)


def _value(name: str, kind: ColumnType, inputs: Inputs) -> Column:
    """The value of a column as its type has it: a double, a text or a moment."""
    column, stored = F.col(inputs.raw.column(name)), inputs.raw.kind(name)
    if kind in DATES:
        if not isinstance(stored, StringType):
            return column.cast("timestamp_ntz")
        fits = is_date_text(F.trim(column)) if kind == "date" else is_time_text(F.trim(column))
        return F.when(fits, F.trim(column).try_cast("timestamp_ntz"))
    if kind == "text":
        return category_of(column, stored)
    number = F.col(inputs.columns[name]) if _is_number(name, inputs) else number_of(column, stored)
    return finite(number)


def _bound(bound: float | str) -> Column:
    return F.lit(bound).cast("timestamp_ntz") if isinstance(bound, str) else F.lit(float(bound))


def _listed(values: Sequence[object]) -> str:
    shown = ", ".join(str(value) for value in values[:SHOWN_AT_MOST])
    return shown if len(values) <= SHOWN_AT_MOST else f"{shown}, ..."
