"""Infers the types of a source's columns, among the few that a configuration knows.

A typed source declares them. Of a text format every value is read: a column has the type of at least 99 % of its
values, so that a few broken values become bad rows with a reason, and do not silently turn numbers into texts. A single
fraction makes a column of integers one of numbers, a single time of day a column of dates one of timestamps, a single
leading zero a column of integers one of texts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import column_type
from pipeline.arrays.text_clues import CLUES, summed_clues
from pipeline.arrays.text_types import TextCounts, describe_texts
from pipeline.preparation.reading.column_readings import ColumnEvidence, ColumnReading
from pipeline.preparation.reading.raw import NumberSigns, RawTable, SourceTable
from pipeline.preparation.reading.scan import Batches, Parts, collect_parts

log = logging.getLogger(__name__)

_NAMED_CLUES = pa.schema([("name", pa.int32()), *CLUES])


def column_types(table: SourceTable, given: Mapping[str, ColumnReading]) -> dict[str, ColumnReading]:
    """The type of every column with a unique name; one query over all rows for a text format.

    Args:
        table: the source.
        given: known types of columns of a text format, which are not inferred.
    """
    names = table.unique_names
    if not table.is_text:
        return {name: ColumnReading(column_type(table.kinds[name])) for name in names}
    unknown = [name for name in names if name not in given]
    seen = _seen_types(table.read(unknown), table.signs) if unknown else {}
    return {name: given.get(name) or seen[name] for name in names}


def log_readings(readings: Mapping[str, ColumnReading], used: Sequence[str]) -> None:
    """Say what was found out about columns that are used."""
    for name in used:
        if name in readings and readings[name].remark:
            log.info("Column '%s' %s.", name, readings[name].remark)


def _seen_types(raw: RawTable, signs: NumberSigns) -> dict[str, ColumnReading]:
    columns = raw.columns

    def count(batches: Batches) -> Parts:
        counts = dict.fromkeys(columns.names, TextCounts())
        clues = dict.fromkeys(columns.names, CLUES.empty_table())
        for batch in batches:
            for name in columns.names:
                more, seen = describe_texts(columns.column(batch, name))
                counts[name] = counts[name].merged(more)
                clues[name] = summed_clues([clues[name], seen]) if len(seen) else clues[name]
        return {"counts": pa.Table.from_pylist([asdict(each) for each in counts.values()]), "clues": _named(clues)}

    parts = collect_parts(raw.scan, count)
    counts = dict.fromkeys(columns.names, TextCounts())
    for part in parts.get("counts", []):
        for name, each in zip(columns.names, part.to_pylist(), strict=True):
            counts[name] = counts[name].merged(TextCounts(**each))
    clues = pa.concat_tables([_NAMED_CLUES.empty_table(), *parts.get("clues", [])])
    return {
        name: ColumnEvidence(
            counts[name],
            summed_clues([clues.filter(pc.equal(clues["name"], number)).drop_columns("name")]),
            signs.given,
        ).reading(signs.separator)
        for number, name in enumerate(columns.names)
    }


def _named(clues: Mapping[str, pa.Table]) -> pa.Table:
    """The clues of all columns, which are named by their numbers."""
    tables = [
        pa.table([pa.array([number] * len(table), pa.int32()), *table.columns], schema=_NAMED_CLUES)
        for number, table in enumerate(clues.values())
    ]
    return pa.concat_tables([_NAMED_CLUES.empty_table(), *tables])
