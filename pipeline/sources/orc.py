"""ORC: typed columns."""

from __future__ import annotations

from pipeline.sources.registry import SourceFormat

FORMAT = SourceFormat(
    name="orc",
    description="typed columns, of which only those that are needed are read",
    endings=("orc",),
    settings=("merge_schema",),
    opening="pipeline.preparation.reading.columnar:columnar_table",
)
