"""CSV: fields between commas or another sign, named by the first line."""

from __future__ import annotations

from pipeline.sources.registry import SourceFormat

DELIMITED = ("separator", "quote", "escape", "encoding", "null_values", "decimal", "thousands", "multiline")

FORMAT = SourceFormat(
    name="csv",
    description="texts between separators, a header in the first line",
    endings=("csv",),
    settings=DELIMITED,
    opening="pipeline.preparation.reading.delimited:delimited_table",
)
