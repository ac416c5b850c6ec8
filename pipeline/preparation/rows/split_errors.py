"""Row errors of rows whose split is undetermined: their timestamp, group or split column is missing or invalid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import Mask, mask_of, missing_of
from pipeline.preparation.rows.row_errors import RowError, row_error_of
from pipeline.preparation.rows.split import ResolvedSplit
from pipeline.preparation.rows.timestamps import REMEDY_OF_TIMES, TimeColumn, allowed_times
from pipeline.preparation.rows.typed_rows import TypedRows

SHOWN_VALUES = 10


def find_split_errors(split: ResolvedSplit) -> Iterator[RowError]:
    """The row errors that leave the split of a row undetermined."""
    if split.time:
        yield from _time_errors(split.time)
    elif split.column:
        yield from _value_errors(split.column, [value for values in split.values for value in values])
    elif split.groups:
        names, groups = ", ".join(f"'{name}'" for name in split.groups), split.groups
        yield row_error_of(
            f"group {names} is missing",
            lambda rows: rows.good & _any_missing(rows, groups),
            remedy="Fill it, or correct data.group",
        )


def _any_missing(rows: TypedRows, names: Sequence[str]) -> Mask:
    first, *others = (_missing(rows, name) for name in names)
    for other in others:
        first = first | other
    return first


def _missing(rows: TypedRows, name: str) -> Mask:
    return missing_of(rows.text(name))


def _time_errors(time: TimeColumn) -> Iterator[RowError]:
    name, what = time.name, f"column '{time.name}' (data.time)"
    yield row_error_of(
        f"{what} is missing",
        lambda rows: rows.good & _missing(rows, name),
        remedy="Fill it, or correct data.time",
    )
    yield row_error_of(
        f"{what} is no {'time' if time.dated else 'number'}",
        lambda rows: rows.good & ~_missing(rows, name) & missing_of(time.timestamps(rows.raw[name])),
        allowed=allowed_times(dated=time.dated),
        remedy=REMEDY_OF_TIMES if time.dated else "Repair these rows, or correct data.time",
        example=lambda rows: rows.text(name),
    )


def _value_errors(name: str, values: Sequence[str]) -> Iterator[RowError]:
    what, value_array = f"column '{name}' (split.column)", pa.array(values, pa.string())
    yield row_error_of(
        f"{what} is missing",
        lambda rows: rows.good & _missing(rows, name),
        remedy="Fill it, or correct split.column",
    )
    yield row_error_of(
        f"{what} has a value that split.values does not name",
        lambda rows: rows.good & ~_missing(rows, name) & ~mask_of(pc.is_in(rows.text(name), value_array)),
        allowed=", ".join(values[:SHOWN_VALUES]) + (", ..." if len(values) > SHOWN_VALUES else ""),
        remedy="Name the value under split.values, or repair these rows",
        example=lambda rows: rows.text(name),
    )
