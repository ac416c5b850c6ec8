"""Rows of which nothing tells where they belong: their time, group or value in the split's column is missing or odd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyspark.sql.functions as F

from pipeline.data.faults import Fault, fault_of, is_good
from pipeline.data.moment import MOMENT, TimeColumn
from pipeline.data.split import GROUP_ID, ResolvedSplit, text_of_column
from pipeline.data.table import Inputs

SHOWN_VALUES = 10


def place_faults(inputs: Inputs, split: ResolvedSplit) -> Iterator[Fault]:
    """What can keep a row from having a place; conditions on rows from `with_unit`."""
    if split.time:
        yield from _time_faults(inputs, split.time)
    elif split.column:
        yield from _value_faults(inputs, split.column, [value for values in split.values for value in values])
    elif split.groups:
        names = ", ".join(f"'{name}'" for _, name in split.groups)
        missing = is_good(inputs) & F.col(GROUP_ID).isNull()
        yield fault_of(f"group {names} is missing", missing, remedy="Fill it, or correct data.group")


def _time_faults(inputs: Inputs, time: TimeColumn) -> Iterator[Fault]:
    text, good, what = text_of_column(inputs.rows, time.column), is_good(inputs), f"column '{time.name}' (data.time)"
    yield fault_of(f"{what} is missing", good & text.isNull(), remedy="Fill it, or correct data.time")
    yield fault_of(
        f"{what} is no {'time' if time.dated else 'number'}",
        good & text.isNotNull() & F.col(MOMENT).isNull(),
        allowed="a date or time like 2024-06-30T12:00:00" if time.dated else "a number",
        remedy="Repair these rows, or correct data.time",
        example=text,
    )


def _value_faults(inputs: Inputs, column: tuple[str, str], known: Sequence[str]) -> Iterator[Fault]:
    (safe, name), good = column, is_good(inputs)
    text, what = text_of_column(inputs.rows, safe), f"column '{name}' (split.column)"
    yield fault_of(f"{what} is missing", good & text.isNull(), remedy="Fill it, or correct split.column")
    yield fault_of(
        f"{what} has a value that split.values does not name",
        good & text.isNotNull() & ~text.isin(*known),
        allowed=", ".join(known[:SHOWN_VALUES]) + (", ..." if len(known) > SHOWN_VALUES else ""),
        remedy="Name the value under split.values, or repair these rows",
        example=text,
    )
