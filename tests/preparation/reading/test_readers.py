"""A store is the same by every reader: in one piece or many, from text or typed files, read by tasks or by Spark."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from pipeline.store.layout import AUDIT, CONTRACT, FEATURES, PROFILE
from tests.support.readers import read_by_spark
from tests.support.store_specs import build, spec_for

pytestmark = pytest.mark.spark

ROWS = 4000
SETTINGS = {
    "key": "id",
    "weight": "w",
    "filter": "z > 0.3",
    "bad_rows": {"budget": 0.1},
    "numeric": [
        {"columns": ["x"], "scale": "robust", "impute": "median", "indicator": True},
        {"columns": ["z", "sum"], "shape": "power"},
        {"columns": ["b"], "encoding": "bucketize", "bins": 6},
    ],
    "categorical": [
        {"columns": ["c"], "min_count": 2},
        {"columns": ["m"], "encoding": "target_mean"},
        {"columns": ["h"], "hash_buckets": 50},
        {"columns": ["tags"], "separator": "|"},
    ],
    "features": {
        "derived": [{"name": "sum", "expression": "x + z * 2"}],
        "dates": [{"columns": ["day"]}],
        "crosses": [{"columns": ["c", "m"]}],
    },
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(5)
    # Without -0.0, which JSON does not tell from 0.
    x = np.round(random.normal(size=ROWS), 3) + 0.0
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "x": np.where(random.random(ROWS) < 0.1, np.nan, x),
            "z": np.round(random.lognormal(size=ROWS), 3),
            "b": random.integers(0, 100, ROWS),
            "c": random.choice(["a", "b", "ü", "rare"], ROWS, p=[0.6, 0.3, 0.099, 0.001]),
            "m": random.choice([f"m{i}" for i in range(30)], ROWS),
            "h": [f"h{i}" for i in random.integers(0, 500, ROWS)],
            "tags": ["|".join(random.choice(["p", "q", "r"], random.integers(1, 4))) for _ in range(ROWS)],
            "day": [f"{2020 + i % 5}-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(ROWS)],
            "w": np.round(random.random(ROWS), 2),
            "y": np.where(random.random(ROWS) < 0.02, np.nan, np.round(x * 2 + random.normal(size=ROWS), 3) + 0.0),
        }
    )


def written(frame: pd.DataFrame, folder: Path, name: str) -> Path:
    """The rows as files of a format, in an order of their own."""
    path, rows = folder / name, frame.sample(frac=1.0, random_state=len(name))
    path.mkdir()
    for part in range(2):
        own = rows.iloc[part::2]
        table = pa.Table.from_pandas(own, preserve_index=False)
        match name:
            case "csv":
                own.to_csv(path / f"{part}.csv", index=False)
            case "json":
                own.to_json(path / f"{part}.json", orient="records", lines=True, force_ascii=False)
            case "orc":
                orc.write_table(table.cast(_plain(table.schema)), path / f"{part}.orc")
            case _:
                own.to_parquet(path / f"{part}.parquet", row_group_size=400)
    return path


def _plain(schema: pa.Schema) -> pa.Schema:
    return pa.schema([(f.name, pa.string() if pa.types.is_large_string(f.type) else f.type) for f in schema])


def content_of(store) -> dict[str, object]:
    """Checksums of the files, and the documents that are made of the rows alone."""
    documents = {name: Path(f"{store.path.path}/{name}").read_text() for name in (CONTRACT, AUDIT, PROFILE)}
    documents[FEATURES] = store.features.model_copy(update={"null_values": ()}).to_json()
    return {file.path: file.sha256 for split in store.manifest.splits.values() for file in split.files} | documents


def test_every_reader_gives_the_same_bytes(spark, tmp_path, frame, monkeypatch, caplog):
    stores = {}
    for name in ("parquet", "csv", "json", "orc"):
        store_spec = spec_for(written(frame, tmp_path, name), **SETTINGS)
        stores[name] = content_of(build(spark, store_spec, tmp_path / f"root {name}"))
    with caplog.at_level(logging.INFO, "pipeline.preparation.reading.source_reader"), read_by_spark():
        store_spec = spec_for(tmp_path / "parquet", **SETTINGS)
        stores["over Spark"] = content_of(build(spark, store_spec, tmp_path / "root spark"))
        monkeypatch.setattr("pipeline.preparation.planning.open_dataset.staged", lambda raw, place: raw)
        stores["over Spark, each pass anew"] = content_of(build(spark, store_spec, tmp_path / "root anew"))
    assert "is read by Spark: the tests ask for it." in caplog.text
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.preparation.rows.partitions.MOST_GROUPS", 0)
        stores["through Spark's shuffle"] = content_of(build(spark, store_spec, tmp_path / "root shuffled"))
    assert not [*(tmp_path / "root spark" / "scratch").glob("*")]
    monkeypatch.setattr("pipeline.sources.decoding.parquet.plan_pieces.__defaults__", (20_000,))
    stores["in many pieces"] = content_of(build(spark, store_spec, tmp_path / "root pieces"))
    assert not any((tmp_path / "root pieces" / "scratch").iterdir())
    first = stores["parquet"]
    for name, store in stores.items():
        different = [key for key in first if store.get(key) != first[key]]
        assert not different, f"{name}: {different}"
        assert store.keys() == first.keys()


@pytest.mark.parametrize("groups", [128, 0], ids=["partitions", "shuffled"])
def test_large_shards_are_cut_into_files_whose_rows_are_in_the_same_order(spark, tmp_path, frame, monkeypatch, groups):
    store_spec = spec_for(written(frame, tmp_path, "parquet"), **SETTINGS)
    whole = build(spark, store_spec, tmp_path / "whole")
    monkeypatch.setattr("pipeline.preparation.rows.partitions.MOST_GROUPS", groups)
    monkeypatch.setattr("pipeline.preparation.writing.stored_rows.FILE_BYTES", 5_000)
    cut = build(spark, store_spec, tmp_path / "cut")
    shards = range(whole.manifest.shards)
    assert max(len(cut.split("train").shard_files(shard)) for shard in shards) == 4
    for shard in shards:
        (single,) = whole.split("train").shard_files(shard)
        parts = [pq.read_table(cut.file(file.path).path) for file in cut.split("train").shard_files(shard)]
        assert pa.concat_tables(parts).equals(pq.read_table(whole.file(single.path).path))
