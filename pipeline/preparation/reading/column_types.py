"""Infers the types of a source's columns, among the few that a configuration knows.

A typed source declares them. Of a text format every value is read: a column has the type of at least 99 % of its
values, so that a few broken values become bad rows with a reason, and do not silently turn numbers into texts. A single
fraction makes a column of integers one of numbers, a single time of day a column of dates one of timestamps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import pyarrow as pa

from pipeline.arrays.cells import column_type
from pipeline.arrays.text_types import TextCounts, count_texts
from pipeline.preparation.reading.raw import RawTable, SourceTable
from pipeline.preparation.reading.scan import Batches, Parts, collect_parts
from pipeline.schemas.source_contract import ColumnType


def column_types(table: SourceTable, given: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
    """The type of every column with a unique name; one query over all rows for a text format.

    Args:
        table: the source.
        given: known types of columns of a text format, which are not inferred.
    """
    names = table.unique_names
    if not table.is_text:
        return {name: column_type(table.kinds[name]) for name in names}
    unknown = [name for name in names if name not in given]
    seen = _seen_types(table.read(unknown)) if unknown else {}
    return {name: given.get(name) or seen[name] for name in names}


def _seen_types(raw: RawTable) -> dict[str, ColumnType]:
    columns = raw.columns

    def count(batches: Batches) -> Parts:
        seen = dict.fromkeys(columns.names, TextCounts())
        for batch in batches:
            for name in columns.names:
                seen[name] = seen[name].merged(count_texts(columns.column(batch, name)))
        return {"counts": pa.Table.from_pylist([asdict(counts) for counts in seen.values()])}

    seen = dict.fromkeys(columns.names, TextCounts())
    for part in collect_parts(raw.scan, count).get("counts", []):
        for name, counts in zip(columns.names, part.to_pylist(), strict=True):
            seen[name] = seen[name].merged(TextCounts(**counts))
    return {name: counts.type() for name, counts in seen.items()}
