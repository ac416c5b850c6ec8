"""JSON lines: an object a line."""

from __future__ import annotations

from pipeline.sources.registry import SourceFormat

FORMAT = SourceFormat(
    name="json",
    description="one JSON object a line, typed by the values in it",
    endings=("json", "jsonl", "ndjson"),
    opening="pipeline.preparation.reading.json_lines:json_table",
)
