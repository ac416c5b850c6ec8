"""Counts of the leak audit: each unit (a key, group, time or row) once, with the parts that it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

KEY, GROUP, ROW, TIME = "key", "group", "row", "time"
"""The kinds of units: a key, a group, all values of a row, and the time of the rows of a part."""

UNITS = pa.schema(
    {"kind": pa.string(), "id": pa.int64(), "low": pa.int32(), "high": pa.int32(), "rows": pa.int64()}
    | {"first": pa.float64(), "last": pa.float64()}
)
"""Units, each once: the first and last part, the number of rows, and the first and last timestamp."""

_NO_PART = -1
"""In place of null, by which Arrow before version 15 cannot group."""

_COMBINED = {"low": "min", "high": "max", "rows": "sum", "first": "min", "last": "max"}

COUNTS = pa.schema(
    {"kind": pa.string(), "part": pa.int64(), "units": pa.int64(), "shared": pa.int64(), "rows": pa.int64()}
    | {"first": pa.float64(), "last": pa.float64()}
)
"""By kind, and for `TIME` also by part: the number of units, those in several parts, the rows of the latter, and the
first and last timestamp."""

CountsByKind = Mapping[tuple[str, int | None], Mapping[str, Any]]
"""Rows of `COUNTS` by kind, and for `TIME` also by part."""


def count_units(units: Sequence[pa.Table]) -> pa.Table:
    """Count units, of which every occurrence must be in `units`, in any number of tables."""
    together = _each_once(pa.concat_tables([UNITS.empty_table(), *units]))
    shared = pc.less(together["low"], together["high"])
    part = pc.if_else(pc.equal(together["kind"], TIME), together["id"], _NO_PART)
    rows = pc.if_else(shared, together["rows"], 0)
    ones = pa.array(np.ones(len(together), np.int64))
    columns = [together["kind"], part, ones, shared.cast(pa.int64()), rows, together["first"], together["last"]]
    return _added(pa.table(columns, schema=COUNTS))


def _added(counts: pa.Table) -> pa.Table:
    how = {"units": "sum", "shared": "sum", "rows": "sum", "first": "min", "last": "max"}
    added = counts.group_by(["kind", "part"]).aggregate([*how.items()])
    return added.select(["kind", "part", *(f"{name}_{what}" for name, what in how.items())]).rename_columns(
        COUNTS.names
    )


def counts_by_kind(counts: Sequence[pa.Table]) -> CountsByKind:
    """The summed counts by kind, and for `TIME` also by part."""
    added = _added(pa.concat_tables([COUNTS.empty_table(), *counts]))
    return {(row["kind"], None if row["part"] == _NO_PART else row["part"]): row for row in added.to_pylist()}


def units_once(
    kind: str,
    ids: npt.NDArray[np.int64],
    part: npt.NDArray[np.int32],
    timestamps: npt.NDArray[np.float64] | None = None,
) -> pa.Table:
    """The units of n rows: each id once, with its first and last part and timestamp."""
    rows = len(ids)
    times = pa.nulls(rows, pa.float64()) if timestamps is None else pa.array(timestamps)
    columns = [pa.array([kind] * rows, pa.string()), ids, part, part, np.ones(rows, np.int64), times, times]
    return _each_once(pa.table(columns, schema=UNITS))


def _each_once(units: pa.Table) -> pa.Table:
    once = units.group_by(["kind", "id"]).aggregate([*_COMBINED.items()])
    names = ["kind", "id", *(f"{name}_{how}" for name, how in _COMBINED.items())]
    return once.select(names).rename_columns(UNITS.names)
