"""JSON: objects, one a line, in an array, or over several lines."""

from __future__ import annotations

from pipeline.sources.registry import SourceFormat

FORMAT = SourceFormat(
    name="json",
    description="objects, one a line or in an array, typed by the values in them; nested ones have columns `a.b`",
    endings=("json", "jsonl", "ndjson"),
    opening="pipeline.preparation.reading.json_lines:json_table",
)
