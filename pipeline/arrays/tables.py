"""Partial results as tables, and how they are put together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pyarrow as pa


def combined(parts: Iterable[pa.Table], schema: pa.Schema, **how: str) -> pa.Table:
    """The rows of some tables, those with equal keys made one; values are added up in the order of the rows.

    Args:
        parts: tables of the schema.
        schema: its columns are the keys, but for those that `how` names. No key is null: Arrow 14 does not group by it.
        how: of a column, `sum`, `min` or `max`.
    """
    together = pa.concat_tables([schema.empty_table(), *parts])
    keys = [name for name in schema.names if name not in how]
    # Threads would add in an order of their own.
    groups = together.group_by(keys, use_threads=False).aggregate([*how.items()])
    names = [f"{name}_{how[name]}" if name in how else name for name in schema.names]
    return groups.select(names).rename_columns(schema.names)


def by_number(rows: pa.Table, column: str) -> dict[int, pa.Table]:
    """The rows with each number of a column, 0 to 65,535, without it; in their order."""
    # Of 16 bits, numbers are sorted by radix.
    order = np.argsort(rows[column].to_numpy().astype(np.uint16), kind="stable")
    rows = rows.combine_chunks().take(pa.array(order))
    numbers, starts = np.unique(rows[column].to_numpy(), return_index=True)
    spans = zip(numbers.tolist(), pairwise([*starts.tolist(), len(rows)]), strict=True)
    rows = rows.drop_columns(column)
    return {number: rows.slice(start, end - start) for number, (start, end) in spans}
