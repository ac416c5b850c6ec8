"""TSV: CSV with tabs between the fields."""

from __future__ import annotations

from dataclasses import replace

from pipeline.sources import csv

FORMAT = replace(csv.FORMAT, name="tsv", description="the same with tabs", endings=("tsv", "tab"))
