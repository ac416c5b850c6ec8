"""Sources in a bucket, which tasks read by Arrow: no jar of Hadoop's knows S3 here."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import fs

from pipeline.config.source import SourceConfig
from pipeline.errors import ConfigError, DataError
from pipeline.preparation.listing.source import Source, open_source
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.piece_scan import PieceScan
from pipeline.preparation.reading.raw import SourceTable
from pipeline.store.filesystem import storage_path
from tests.preparation.reading.test_readers import content_of
from tests.support.buckets import SECRET
from tests.support.rows import raw_rows
from tests.support.store_specs import build, spec_for

pytestmark = pytest.mark.spark

NOWHERE = "http://127.0.0.1:9"


def upload(folder: Path, place: str) -> None:
    root = storage_path(place)
    fs.copy_files(str(folder), root.path, destination_filesystem=root.filesystem)


def opened(spark, path: str | list[str], **source) -> tuple[Source, SourceTable]:
    config = SourceConfig(path=path, **source)
    found = open_source(spark, config, storage_path("unused"))
    return found, open_table(spark, found, config)


def rows_of(spark, path: str | list[str], wanted: list[str], **source) -> list[tuple]:
    table = opened(spark, path, **source)[1]
    assert isinstance(table.read(wanted).scan, PieceScan)
    return sorted(row[: len(wanted)] for row in raw_rows(table.read(wanted)))


@pytest.mark.slow
def test_a_store_from_a_bucket_is_the_one_from_a_folder(spark_with_bucket, tmp_path, bucket):
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"id": np.arange(600), "x": random.normal(size=600), "y": random.integers(0, 2, 600)})
    for part in range(2):
        for ending in ("csv", "parquet"):
            path = tmp_path / ending / f"{part}.{ending}"
            path.parent.mkdir(exist_ok=True)
            own = frame.iloc[part::2]
            own.to_csv(path, index=False) if ending == "csv" else own.to_parquet(path, index=False)
            upload(path.parent, f"{bucket}/{ending}")
    settings = {"key": "id", "numeric": [{"columns": ["x"]}]}
    places = (f"{tmp_path}/parquet", f"{bucket}/parquet", f"{bucket}/csv")
    stores = [
        build(spark_with_bucket, spec_for(place, **settings), tmp_path / f"{i}") for i, place in enumerate(places)
    ]
    assert content_of(stores[0]) == content_of(stores[1]) == content_of(stores[2])
    assert len({store.manifest.store_id for store in stores}) == 3


@pytest.fixture
def months(tmp_path, bucket) -> str:
    """The same files as in a folder: of two years, one of them hidden, one compressed."""
    for name, content in {"2023/12": "x\n1\n", "2024/01": "x\n2\n", "2024/02": "x\n3\n", "2024/_03": "x\n4\n"}.items():
        path = tmp_path / "m" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    pd.DataFrame({"x": [5]}).to_csv(tmp_path / "m" / "2024" / "10.csv.gz", index=False)
    upload(tmp_path / "m", f"{bucket}/m")
    return f"{bucket}/m"


@pytest.mark.parametrize(
    "patterns", [["2024/*.csv"], ["*/0?.csv"], ["2024/{01,10}.csv*", "2023"], ["20{2[0-3],24}/[!_1]*"], ["2024/"]]
)
def test_patterns_mean_what_they_mean_in_a_folder(spark_with_bucket, tmp_path, months, patterns):
    local, there = (
        open_source(
            spark_with_bucket, SourceConfig(path=[f"{place}/{p}" for p in patterns]), storage_path("unused")
        ).files
        for place in (tmp_path / "m", months)
    )
    assert [(file.name, file.bytes) for file in there] == [(file.name, file.bytes) for file in local]
    assert [file.uri for file in there] == [file.uri.replace(f"file:{tmp_path}/m", months) for file in local]


def test_what_is_read_and_what_is_not_there(spark_with_bucket, months):
    assert rows_of(spark_with_bucket, f"{months}/2024", ["x"]) == [("2",), ("3",), ("5",)]
    assert rows_of(spark_with_bucket, months.replace("s3a:", "s3:") + "/2024/01.csv", ["x"]) == [("2",)]
    with pytest.raises(DataError, match=rf"^Source '{months}/none' does not exist\. Correct data\.source\.path\.$"):
        opened(spark_with_bucket, f"{months}/none")
    with pytest.raises(DataError, match=rf"nearest folder that exists is '{months}/2024'\."):
        opened(spark_with_bucket, f"{months}/2024/none/*/a*")
    with pytest.raises(DataError, match=r"cannot be opened: the pattern does not close its '\['\."):
        opened(spark_with_bucket, f"{months}/2024/[a.csv")


def test_folders_of_columns_in_a_bucket(spark_with_bucket, tmp_path, bucket):
    for key in ("1", "a%20b"):
        (tmp_path / "t" / f"k={key}").mkdir(parents=True)
        pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "t" / f"k={key}" / "0.parquet")
    upload(tmp_path / "t", f"{bucket}/t")
    assert rows_of(spark_with_bucket, f"{bucket}/t", ["k", "x"]) == [("1", 1), ("a b", 1)]


def test_delta_in_a_bucket(spark_with_bucket, tmp_path, bucket):
    deltalake = pytest.importorskip("deltalake", reason="the extra 'delta' is not installed")
    deltalake.write_deltalake(tmp_path / "t", pa.table({"x": [1, 2], "k": ["a b", None]}), partition_by=["k"])
    upload(tmp_path / "t", f"{bucket}/t")
    source, _ = opened(spark_with_bucket, f"{bucket}/t")
    assert (source.format, source.version) == ("delta", 0)
    assert rows_of(spark_with_bucket, f"{bucket}/t", ["x", "k"]) == [(1, "a b"), (2, None)]


@pytest.mark.slow
def test_the_endpoint_may_stand_behind_the_path(spark_with_bucket, months, s3_server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    monkeypatch.setitem(spark_with_bucket.sparkContext.environment, "AWS_ENDPOINT_URL", NOWHERE)
    options = f"?endpoint_override={s3_server.address}&scheme=http"
    source, _ = opened(spark_with_bucket, f"{months}/2024/0?.csv{options}")
    assert (source.location, source.paths[0]) == (f"{months}/2024/0?.csv", f"{months}/2024/01.csv")
    assert rows_of(spark_with_bucket, f"{months}/2024/0?.csv{options}", ["x"]) == [("2",), ("3",)]
    with pytest.raises(ConfigError, match=r"Options after data\.source\.path differ: .* Allowed: the same\."):
        opened(spark_with_bucket, [f"{months}/2024{options}", f"{months}/2023"])


def test_secrets_do_not_stand_in_paths(spark):
    for path in (f"s3://me:{SECRET}@lake/x", f"s3://lake/x?region=r&secret_key={SECRET}"):
        with pytest.raises(ConfigError, match=r"holds a password: 's3://lake/x'\. It would be recorded") as caught:
            opened(spark, path)
        assert SECRET not in str(caught.value)


def test_what_neither_arrow_nor_spark_opens(spark):
    with pytest.raises(DataError, match=r'No FileSystem for scheme "nothing"; Arrow cannot either: neither Arrow nor'):
        opened(spark, "nothing://host/x.csv")


@pytest.mark.slow
def test_spark_reads_what_tasks_cannot_open(spark_with_bucket, months, monkeypatch, caplog):
    monkeypatch.setitem(spark_with_bucket.sparkContext.environment, "AWS_ENDPOINT_URL", NOWHERE)
    with caplog.at_level(logging.INFO, "pipeline"), pytest.raises(DataError, match=r"01\.csv' cannot be read: "):
        opened(spark_with_bucket, f"{months}/2024")
    assert caplog.text.count("is read by Spark: 's3a:' cannot be opened in Python tasks (") == 1
    assert SECRET not in caplog.text
