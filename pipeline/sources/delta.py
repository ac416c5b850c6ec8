"""Delta tables: a folder of Parquet files with a log of which of them belong to which version."""

from __future__ import annotations

from pipeline.sources.registry import SourceFormat

FORMAT = SourceFormat(
    name="delta",
    description="one version of a Delta table: the latest when the job starts; recognized by the folder `_delta_log`",
    one_path=True,
    opening="pipeline.preparation.reading.delta:delta_table",
)
