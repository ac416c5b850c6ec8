"""What the columns of a source hold, in the few types that a configuration knows.

A typed source tells by itself. Of a text format every value is looked at: a column is what at least 99 % of its values
are, so that a few broken ones stay bad rows that are named, and do not turn a number into a text without a word. Among
numbers one fraction makes the column a number, not an integer; among dates, one time of day makes it a timestamp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import pyarrow as pa

from pipeline.arrays.cells import column_type
from pipeline.arrays.text_types import TextCounts, count_texts
from pipeline.preparation.reading.raw import RawTable, SourceTable
from pipeline.preparation.reading.scan import Batches, Parts, collect_parts
from pipeline.schemas.table import ColumnType


def column_types(table: SourceTable, given: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
    """The type of every column that has a name of its own; of a text format, by one query over all rows.

    Args:
        table: the source.
        given: columns of a text format that need not be looked at.
    """
    names = [name for name in table.names if name and table.names.count(name) == 1]
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
