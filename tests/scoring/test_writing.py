"""Texts in CSV files."""

from __future__ import annotations

import csv

import pyarrow as pa
import pytest

from pipeline.config.score import ScoreConfig
from pipeline.scoring.writing import RFC_4180, escaped_texts

FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "\t=1", "\n=1"]
PLAIN = ["a=1", "1-2", "", None, "'=1"]


@pytest.mark.spark
def test_texts_that_a_spreadsheet_would_compute_are_escaped(spark, tmp_path):
    texts = FORMULAS + PLAIN
    table = pa.table({"a text": pa.array(texts, pa.string()), "n": pa.array(range(-3, len(texts) - 3), pa.int64())})
    rows = escaped_texts(spark.createDataFrame(table).coalesce(1))
    rows.write.options(header=True, **RFC_4180).csv(str(tmp_path / "out"))
    (part,) = (tmp_path / "out").glob("part-*.csv")
    with part.open(newline="", encoding="utf-8") as file:
        found = [row["a text"] for row in csv.DictReader(file)]
    assert found == [f"'{text}" for text in FORMULAS] + [text or "" for text in PLAIN]
    assert [row["n"] for row in rows.collect()] == [*range(-3, len(texts) - 3)]


def test_escaping_goes_with_csv():
    assert ScoreConfig(path="x", format="csv", escape_formulas=True).escape_formulas
    with pytest.raises(ValueError, match="escape_formulas goes with format: csv, not with parquet"):
        ScoreConfig(path="x", escape_formulas=True)
