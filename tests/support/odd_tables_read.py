"""What comes of an odd table: the values that were meant, a message, or something wrong."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.errors import PipelineError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.open_dataset import OpenedDataset, open_dataset
from pipeline.preparation.reading.scan import Parts
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.checked_statistics import checked_statistics
from pipeline.store.filesystem import storage_path
from tests.support.odd_tables import OddTable
from tests.support.store_specs import spec_for

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READ = "read as meant"
LABEL = "\0label"


@dataclass(frozen=True)
class Outcome:
    """What came of a table: `READ`, a message, or a difference or traceback, which are wrong."""

    seed: int
    oddities: tuple[str, ...]
    what: str
    is_wrong: bool = False


def outcome_of(spark: SparkSession, table: OddTable, folder: Path) -> Outcome:
    """Read a table as a run with automatic features does, up to the statistics of all rows."""
    spec = spec_for(table.write(folder), source=table.settings)
    origin = table.seed, (table.convention, *table.oddities)
    try:
        opened = open_dataset(spark, spec, open_source(spark, spec.data.source, storage_path(str(folder))))
        checked_statistics(spec, opened)
        typed = _typed(opened)
    except PipelineError as error:
        return Outcome(*origin, str(error), is_wrong=not table.is_broken)
    except Exception:
        return Outcome(*origin, traceback.format_exc(limit=-3), is_wrong=True)
    difference = next((text for text in _differences(table, typed) if text), "")
    if difference or table.is_broken:
        return Outcome(*origin, difference or "a broken table was read without a word", is_wrong=True)
    return Outcome(*origin, READ)


def _typed(opened: OpenedDataset) -> dict[str, list[Any]]:
    """All typed columns of the source, in the order of its rows, and the label."""
    names = [*opened.table.numbers, *opened.table.texts]

    def rows_of(batches: Iterator[Rows]) -> Parts:
        return {
            "rows": pa.concat_tables(
                pa.table(
                    {f"c{i}": rows.typed.values[name] for i, name in enumerate(names)}
                    | {"number": rows.typed.label_number, "text": rows.typed.class_text}
                )
                for rows in batches
            )
        }

    rows = pa.concat_tables(opened.table.collect(rows_of)["rows"])
    typed = {name: rows[f"c{i}"].to_pylist() for i, name in enumerate(names)}
    return typed | {"y": rows["text"].to_pylist(), LABEL: rows["number"].to_pylist()}


def _differences(table: OddTable, typed: dict[str, list[Any]]) -> Iterator[str]:
    for name, column in table.columns.items():
        if column.kind == "date":
            yield _difference(f"{name}_year", [v and v[0] for v in column.values], typed)
            yield _difference(f"{name}_month", [v and v[1] for v in column.values], typed)
        else:
            yield _difference(LABEL if name == "y" and column.kind == "number" else name, column.values, typed)


def _difference(name: str, meant: Sequence[Any], typed: dict[str, list[Any]]) -> str:
    if name not in typed:
        return f"column '{name}' is not read as what it is: there are {', '.join(typed)}"
    seen = typed[name]
    if len(seen) != len(meant):
        return f"{len(seen)} rows of {len(meant)}"
    odd = [(a, b) for a, b in zip(meant, seen, strict=True) if not _alike(a, b)]
    return f"column '{name}' has {odd[0][1]!r} for {odd[0][0]!r} in {len(odd)} rows" if odd else ""


def _alike(meant: Any, seen: Any) -> bool:
    seen = None if isinstance(seen, float) and math.isnan(seen) else seen
    return meant == seen or (isinstance(meant, float) and isinstance(seen, float) and math.isclose(meant, seen))
