"""Folds that share rows are equal to stores that were each prepared by themselves, and published like them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.config.split import FoldConfig
from pipeline.errors import ConfigError, DataError
from pipeline.feed.reader import read_shard
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.reading.scan import FrameScan
from pipeline.preparation.writing import write_rows as write
from pipeline.preparation.writing.fold_spec import FoldsSpec
from pipeline.preparation.writing.fold_stores import build_folds
from pipeline.runtime.progress import Progress
from pipeline.runtime.terminal import Terminal
from pipeline.schemas.store_schema import ROW_ID
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import FOLDS, SPLITS, fold_store, store_folder
from pipeline.store.manifest import FoldsManifest
from pipeline.store.store import Store, open_store
from tests.support.store_specs import build, spec_for

pytestmark = pytest.mark.spark

ROWS = 600
FEATURES = {
    "numeric": [
        {"columns": ["x", "gap"], "impute": "mean"},
        {"columns": ["clipped"], "scale": "robust", "clip": {"quantiles": [0.05, 0.95]}},
        {"columns": ["skewed"], "shape": "power", "impute": "median"},
        {"columns": ["interval"], "encoding": "bucketize", "bins": 5},
        {"columns": ["piecewise"], "encoding": "piecewise_linear", "bins": 4},
    ],
    "categorical": [
        {"columns": ["c"], "min_count": 3},
        {"columns": ["many"], "encoding": "embedding", "max_categories": 20},
        {"columns": ["tags"], "separator": ";", "max_values": 3},
        {"columns": ["hashed"], "hash_buckets": 7},
        {"columns": ["size"], "encoding": "ordinal", "order": ["s", "m", "l"]},
        {"columns": ["town"], "encoding": "target_mean"},
    ],
}


def table(seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    tags = [";".join(random.choice([*"abcde"], random.integers(0, 4))) or None for _ in range(ROWS)]
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "x": random.normal(5.0, 3.0, ROWS),
            "gap": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(size=ROWS)),
            "skewed": random.lognormal(1.0, 1.0, ROWS),
            "clipped": random.lognormal(1.0, 1.0, ROWS),
            "interval": random.normal(size=ROWS),
            "piecewise": random.normal(size=ROWS),
            "c": random.choice(["a", "b", "c", None], ROWS),
            "many": random.integers(0, 60, ROWS).astype(str),
            "tags": tags,
            "hashed": random.integers(0, 50, ROWS).astype(str),
            "size": random.choice(["s", "m", "l", "?"], ROWS),
            "town": random.choice([*"pqrst"], ROWS),
            "w": random.uniform(0.5, 2.0, ROWS),
            "g": random.integers(0, 12, ROWS),
            "t": random.integers(0, 1000, ROWS),
            "y": random.normal(10.0, 4.0, ROWS),
        }
    )


def folds_of(spark, store_spec, folds: dict, root: Path, use: str = "measure") -> tuple[FoldsManifest, list[Store]]:
    """The published folds."""
    place = storage_path(str(root))
    whole = FoldsSpec(store_spec, FoldConfig(**folds), use)
    source = open_source(spark, store_spec.data.source, place)
    build_folds(spark, whole, source, root=place, progress=Progress(Terminal(io.StringIO())))
    text = Path(whole.folder(source, place).path, FOLDS).read_bytes()
    manifest = FoldsManifest.from_json(text, FOLDS)
    return manifest, [
        open_store(store_folder(place, store_spec.name, fold_store(manifest.store_id, name))) for name in manifest.names
    ]


def rows_of(store: Store, split: str) -> pd.DataFrame:
    """What the feed serves of a split, sorted."""
    parts = [
        pd.DataFrame(
            np.column_stack([*rows.tensors.values(), rows.label, rows.weight]),
            columns=[*(column for name in rows.tensors for column in store.contract.names(name)), "label", "weight"],
        ).assign(**{ROW_ID: rows.row_id})
        for shard in range(store.manifest.shards)
        for rows in read_shard(store, split, shard)
    ]
    return pd.concat(parts, ignore_index=True).sort_values(ROW_ID, ignore_index=True)


def alone(spark, tmp_path: Path, own: dict[str, pd.DataFrame], **given) -> Store:
    """A store of the rows of a fold and no others, divided like the fold."""
    path = str(tmp_path / "t.parquet")
    ids = spark.read.parquet(path).selectExpr("id", f"xxhash64(cast(id as string)) as {ROW_ID}").toPandas()
    frame = pd.read_parquet(path).merge(ids, on="id")
    rows = [frame.merge(part[[ROW_ID]], on=ROW_ID).assign(part=name) for name, part in own.items()]
    together = pd.concat(rows).drop(columns=ROW_ID)
    assert len(together) == sum(len(part) for part in own.values())
    together.to_parquet(tmp_path / "fold.parquet")
    split = {"method": "column", "column": "part", "values": {name: [name] for name in SPLITS}}
    return build(spark, spec_for(tmp_path / "fold.parquet", split=split, **given), tmp_path / "alone")


@pytest.mark.parametrize(
    ("folds", "target"),
    [
        ({"folds": 3}, "power"),
        ({"method": "time", "folds": 2, "borders": [400, 700]}, None),
        ({"method": "bootstrap", "folds": 2}, "standard"),
    ],
    ids=["hash", "time", "bootstrap"],
)
def test_a_fold_is_what_it_would_be_by_itself(spark, tmp_path, folds, target):
    frame = table()
    if target is None:
        frame["y"] = np.where(frame.y > 12, "yes", "no")
    frame.to_parquet(tmp_path / "t.parquet")
    given = {"key": "id", "time": "t", "weight": "w", "features": FEATURES, "target": target or "standard"}
    _, stores = folds_of(spark, spec_for(tmp_path / "t.parquet", **given), folds, tmp_path / "r")
    store = stores[-1]
    own = {name: rows_of(store, name) for name in SPLITS}
    assert all(len(rows) == store.split(name).rows > 0 for name, rows in own.items())
    expected = alone(spark, tmp_path, own, **given)
    assert store.contract == expected.contract
    assert store.features.categorical == expected.features.categorical
    assert store.features.label.classes == expected.features.label.classes
    for name in SPLITS:
        pd.testing.assert_frame_equal(own[name], rows_of(expected, name), rtol=1e-6, atol=1e-6)


def test_rows_are_written_once_and_every_fold_sees_each_of_them_once(spark, tmp_path):
    table().to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(tmp_path / "t.parquet", numeric=["x"], categorical=["c"], key="id")
    manifest, stores = folds_of(spark, store_spec, {"folds": 4, "repeats": 2}, tmp_path / "r")
    place = stores[0].path.folder.path
    assert (manifest.count, manifest.method, manifest.quarantined) == (8, "hash", 0)
    assert manifest.apart == ROWS - sum(stores[0].split(name).rows for name in SPLITS) > 0
    written = sum(pq.read_metadata(file).num_rows for file in Path(place).rglob("*.parquet"))
    assert written == 2 * (ROWS - manifest.apart)
    held_out = [set(rows_of(store, "test")[ROW_ID]) for store in stores]
    for store, own in zip(stores, held_out, strict=True):
        trained = pd.concat([rows_of(store, "train"), rows_of(store, "validation")])[ROW_ID]
        assert trained.is_unique
        assert not own & set(trained)
        assert len(own) + len(trained) == ROWS - manifest.apart
    for repeat in (held_out[:4], held_out[4:]):
        assert len(set.union(*repeat)) == sum(map(len, repeat)) == ROWS - manifest.apart
    base = build(spark, store_spec, tmp_path / "base")
    assert not set(rows_of(base, "test")[ROW_ID]) & set.union(*held_out)


def test_folds_of_other_features_have_the_same_rows_and_the_same_division(spark, tmp_path):
    table().to_parquet(tmp_path / "t.parquet")
    store_specs = [spec_for(tmp_path / "t.parquet", numeric=[name], key="id") for name in ("x", "gap")]
    (one, first), (other, second) = (
        folds_of(spark, store_spec, {"folds": 2}, tmp_path / "r") for store_spec in store_specs
    )
    assert (one.folds_id, one.store_id == other.store_id) == (other.folds_id, False)
    assert set(rows_of(first[0], "test")[ROW_ID]) == set(rows_of(second[0], "test")[ROW_ID])
    third, _ = folds_of(spark, store_specs[0], {"folds": 3}, tmp_path / "r")
    assert third.folds_id != one.folds_id


@pytest.mark.parametrize(
    ("given", "folds", "message"),
    [
        (
            {"sampling": {"method": "up"}, "label": "c"},
            {},
            "data.sampling cannot be combined with a cross-validation",
        ),
        ({"group": "g"}, {"method": "group", "folds": 40}, "has no row to be evaluated on"),
        ({}, {"method": "stratified", "by": ["rare"], "folds": 3}, "Stratum rare = 'yes' has"),
    ],
    ids=["sampling", "groups", "strata"],
)
def test_what_cannot_be_divided_is_named_and_nothing_is_published(spark, tmp_path, given, folds, message):
    frame = table().assign(rare=np.where(np.arange(ROWS) % 300 == 0, "yes", "no"))
    frame.to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(tmp_path / "t.parquet", numeric=["x"], key="id", **given)
    with pytest.raises((ConfigError, DataError), match=message):
        folds_of(spark, store_spec, folds, tmp_path / "r")
    assert not (tmp_path / "r" / "stores").exists()


def test_nested_folds_are_not_without_number(spark, tmp_path):
    table().to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(tmp_path / "t.parquet", numeric=["x"], key="id")
    with pytest.raises(ConfigError, match=r"needs 2,500 folds, inner folds included\. Allowed: 2,000\."):
        folds_of(spark, store_spec, {"folds": 50}, tmp_path / "r", use="nested")


def test_a_feature_that_the_first_fold_drops_is_there_for_the_others(spark, tmp_path):
    frame = table()
    frame.assign(town=frame.town.where(frame.t >= 400, "p")).to_parquet(tmp_path / "t.parquet")
    means = [{"columns": ["town"], "encoding": "target_mean"}]
    store_spec = spec_for(tmp_path / "t.parquet", numeric=["x"], categorical=means, key="id", time="t")
    folds = {"method": "time", "folds": 2, "borders": [400, 700]}
    _, (first, second) = folds_of(spark, store_spec, folds, tmp_path / "r")
    assert (first.contract.names("numeric"), second.contract.names("numeric")) == (("x",), ("x", "town"))
    assert rows_of(second, "train").town.nunique() > rows_of(second, "test").town.nunique() == 5


@pytest.mark.parametrize("change", ["touched", "shorter"])
def test_a_source_that_changes_while_folds_are_written_is_refused(spark, tmp_path, monkeypatch, change):
    table().to_parquet(tmp_path / "t.parquet")
    written = write.write_groups

    def write_and_change(table, stored, place):
        if change == "touched":
            (tmp_path / "t.parquet").touch()
            return written(table, stored, place)
        half_read = FrameScan(spark.read.parquet(f"{tmp_path}/t.parquet").limit(ROWS // 2))
        half = replace(table, scan=half_read, partitions=None)
        return written(half, stored, place)

    monkeypatch.setattr("pipeline.preparation.writing.assignment_folds.write_groups", write_and_change)
    store_spec = spec_for(tmp_path / "t.parquet", numeric=["x"], key="id")
    with pytest.raises(DataError, match=r"t\.parquet' changed while it was read\. Run the job again\."):
        folds_of(spark, store_spec, {"folds": 2}, tmp_path / "r")
    assert not (tmp_path / "r" / "stores").exists()
