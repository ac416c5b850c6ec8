"""CSV: fields between commas or another sign, named by the first line."""

from __future__ import annotations

from pipeline.sources.registry import SourceFormat

DELIMITED = (
    "separator",
    "quote",
    "escape",
    "encoding",
    "null_values",
    "decimal",
    "thousands",
    "multiline",
    "header",
    "columns",
    "merge_schema",
)

FORMAT = SourceFormat(
    name="csv",
    description="texts between separators, a header in the first line unless `header: false`",
    endings=("csv",),
    settings=DELIMITED,
    opening="pipeline.preparation.reading.delimited:delimited_table",
)
