"""What tasks write to a bucket is what Spark itself would write, and they read it back."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.preparation.reading import part_files
from pipeline.preparation.reading.part_files import SUCCESS, read_parts, replace_parts, write_parts
from pipeline.scoring.writing import RFC_4180, write_csv
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from tests.support.buckets import content_of

pytestmark = [pytest.mark.spark]

TEXTS = ['a "b", c', " spaced ", "new\nline", "Zürich", "", None, "plain"]
ROWS = pa.table(
    {
        "id": pa.array(range(len(TEXTS)), pa.int64()),
        'odd "name", it is': pa.array(TEXTS),
        "number": pa.array([0.1, 1e-7, 1e22, float("nan"), None, -0.0, 3.0]),
        "day": pa.array([datetime.date(2020, 1, day + 1) for day in range(len(TEXTS))]),
        "moment": pa.array([datetime.datetime(2020, 1, 1, 2, 3, day) for day in range(len(TEXTS))], pa.timestamp("us")),
    }
)


def test_rows_come_back_and_later_ones_take_their_place(spark_with_bucket, bucket):
    spark, place = spark_with_bucket, storage_path(bucket).child("rows")
    rows = spark.createDataFrame(ROWS)
    names = write_parts(rows.repartition(2, "id"), place, "part-x")
    assert names == [name for name in files.list_files(place) if name.startswith("part-x-")]
    found = read_parts(spark, place, ROWS.schema, names).toArrow().sort_by("id")
    assert found.drop_columns("number").equals(ROWS.drop_columns("number"))
    assert str(found["number"].to_pylist()) == str(ROWS["number"].to_pylist())

    replace_parts(rows.where("id < 0"), place)
    success, name = files.list_files(place)
    assert (success, name[:11]) == (SUCCESS, "part-00000-")
    assert len(read_parts(spark, place, ROWS.schema).toArrow()) == 0


def test_each_attempt_has_a_name_of_its_own_and_deletes_what_it_did_not_end(spark_with_bucket, bucket):
    """Of an attempt that fails, and of one that goes on when another one has answered."""
    spark, place = spark_with_bucket, storage_path(bucket).child("rows")
    names = write_parts(spark.createDataFrame(ROWS).coalesce(1), place)

    def broken() -> Iterator[pa.RecordBatch]:
        yield from ROWS.slice(0, 1).to_batches()
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        part_files._write_file(broken(), place.child(part_files.new_name("part", 0, "parquet")), ROWS.schema)
    assert files.list_files(place) == names
    files.write_bytes(place.child("part-00000-late.parquet"), b"PAR1 and not all of it")
    assert len(read_parts(spark, place, ROWS.schema, names).toArrow()) == len(ROWS)


def test_csv_has_the_text_that_spark_writes(spark_with_bucket, bucket, tmp_path):
    rows = spark_with_bucket.createDataFrame(ROWS).coalesce(1)
    rows.write.options(header=True, **RFC_4180).csv(str(tmp_path / "csv"))
    (expected,) = Path(tmp_path, "csv").glob("*.csv")
    names = write_csv(rows, storage_path(bucket).child("csv"), "part")
    assert content_of(f"{bucket}/csv") == {names[0]: expected.read_bytes()}
