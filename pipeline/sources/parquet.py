"""Parquet: typed columns."""

from __future__ import annotations

from pipeline.sources.registry import SourceFormat

FORMAT = SourceFormat(
    name="parquet",
    description="typed columns, of which only those that are needed are read",
    endings=("parquet", "pq"),
    settings=("merge_schema",),
    opening="pipeline.preparation.reading.columnar:columnar_table",
)
