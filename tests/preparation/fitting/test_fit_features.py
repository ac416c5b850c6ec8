"""Fitted numbers and stored values against pandas and scikit-learn on the same rows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.scoring.spelling import categories_of
from pipeline.store.filesystem import storage_path
from pipeline.store.store import open_store
from tests.support.categories import check_a_million_categories
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ROWS = 500
PAIRS = [("a", "02134"), (" ? ", "98101"), ("?", "98101"), ("", "02134"), (" a", "7")]
GROUPS = [
    {"columns": ["plain", "skewed"], "impute": "mean", "scale": "standard"},
    {"columns": ["whole"], "impute": "median", "scale": "min_max"},
    {"columns": ["flag", "constant"], "impute": "constant", "fill": -1.0, "scale": "none"},
    {"columns": ["infinite"], "not_finite": "null"},
]
CATEGORIES = [
    {"columns": ["city", "code"]},
    {"columns": ["many"], "max_categories": 3},
    {"columns": ["rare"], "min_count": 5},
]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "plain": random.normal(3.0, 2.0, ROWS),
            "skewed": random.lognormal(8.0, 2.0, ROWS),
            "whole": random.integers(-50, 50, ROWS).astype(float),
            "flag": random.random(ROWS) < 0.3,
            "constant": 7.0,
            "infinite": random.normal(size=ROWS),
            "city": random.choice(["Ulm", "Äàé", "", "日本"], ROWS, p=[0.4, 0.3, 0.2, 0.1]),
            "code": random.choice([98002, 98103, -1], ROWS).astype(float),
            "many": random.choice([f"m{i}" for i in range(40)], ROWS),
            "rare": random.choice(["often", "once?"], ROWS, p=[0.99, 0.01]),
            "y": random.normal(100.0, 15.0, ROWS),
        }
    )
    for name in ("plain", "whole", "city", "code"):
        frame.loc[random.random(ROWS) < 0.1, name] = None
    frame.loc[:2, "infinite"] = [np.inf, -np.inf, np.nan]
    frame["key"] = np.arange(ROWS)
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory, frame) -> Path:
    folder = tmp_path_factory.mktemp("fit")
    frame.to_parquet(folder / "t.parquet")
    return folder


@pytest.fixture
def store(spark, folder):
    """Built by the first test that asks; the others open it."""
    store_spec = spec_for(folder / "t.parquet", numeric=GROUPS, categorical=CATEGORIES, key="key")
    published = list(folder.glob("root/stores/test/*"))
    return open_store(storage_path(str(published[0]))) if published else build(spark, store_spec, folder / "root")


def train_rows(store, frame: pd.DataFrame) -> pd.DataFrame:
    """The source's rows that are training rows: a label tells its row."""
    return frame[frame.y.isin(rows_of(store, "train").y)]


def test_numbers_are_fitted_on_training_rows_as_by_scikit_learn(store, frame):
    train = train_rows(store, frame)
    assert 0 < len(train) < ROWS
    fitted = {feature.name: feature for feature in store.features.numeric}
    for name in ("plain", "skewed"):
        expected = StandardScaler().fit(train[[name]])
        assert fitted[name].center == pytest.approx(expected.mean_[0], rel=1e-9)
        assert fitted[name].scale == pytest.approx(expected.scale_[0], rel=1e-9)
        assert fitted[name].fill == pytest.approx(SimpleImputer().fit(train[[name]]).statistics_[0], rel=1e-9)
    bounds = MinMaxScaler().fit(train[["whole"]])
    assert fitted["whole"].center == bounds.data_min_[0]
    assert fitted["whole"].scale == bounds.data_range_[0]
    assert fitted["whole"].fill == train.whole.median()
    assert (fitted["flag"].fill, fitted["flag"].center, fitted["flag"].scale) == (-1.0, 0.0, 1.0)
    finite = train.infinite[np.isfinite(train.infinite.astype(float))]
    # A mean near zero has as many digits as matter beside the deviation.
    assert fitted["infinite"].center == pytest.approx(finite.mean(), abs=1e-9)


def test_stored_numbers_are_the_formula_in_float32(store, frame):
    stored = rows_of(store).sort_values("y")
    source = frame.sort_values("y").replace([np.inf, -np.inf], np.nan)
    for feature in store.features.numeric:
        value = source[feature.name].astype(float).fillna(feature.fill).to_numpy()
        expected = ((value - feature.center) / feature.scale).astype(np.float32)
        assert stored[feature.name].dtype == np.float32
        np.testing.assert_array_equal(stored[feature.name].to_numpy(), expected, err_msg=feature.name)


def test_vocabularies_are_by_frequency_then_code_point(store, frame):
    train = train_rows(store, frame)
    texts = {
        "city": train.city.fillna(NULL_TOKEN),
        "code": train.code.map(lambda value: NULL_TOKEN if np.isnan(value) else str(int(value))),
        "many": train.many,
        "rare": train.rare,
    }
    fitted = {feature.name: feature.vocabulary for feature in store.features.categorical}
    for name, limit in {"city": 100, "code": 100, "many": 3}.items():
        counts = texts[name].value_counts()
        expected = sorted(counts.index, key=lambda value: (-counts[value], value))[:limit]
        assert list(fitted[name]) == expected
    assert fitted["rare"] == ("often",)


def test_ids_are_positions_counted_from_one(store, frame):
    stored = rows_of(store).sort_values("y")
    source = frame.sort_values("y").assign(
        code=lambda rows: rows.code.map(lambda value: None if np.isnan(value) else str(int(value)))
    )
    for feature in store.features.categorical:
        ids = {value: i for i, value in enumerate(feature.vocabulary, start=1)}
        expected = [ids.get(value, 0) for value in source[feature.name].astype(object).fillna(NULL_TOKEN)]
        assert stored[feature.name].dtype == np.int32
        assert stored[feature.name].tolist() == expected
        assert stored[feature.name].max() < feature.size


def served_ids(store, frame: pd.DataFrame) -> dict[str, list[int]]:
    """The ids of a data frame's categories, in its order."""
    spelling, ids = categories_of(store.features), {}
    for feature in store.features.categorical:
        known = {value: i for i, value in enumerate(feature.vocabulary, start=1)}
        texts = map(spelling[feature.name].text, frame[feature.name])
        ids[feature.name] = [known.get(text, 0) for text in texts]
    return ids


def assert_served_as_stored(store, frame: pd.DataFrame) -> None:
    stored, served = rows_of(store).sort_values("y"), served_ids(store, frame.sort_values("y"))
    assert {name: stored[name].tolist() for name in served} == served
    assert all(max(ids) > 1 for ids in served.values())


def test_categories_of_any_type_are_served_as_they_were_stored(spark, tmp_path):
    floats = [1e-05, 2e-3, 0.1, 1.5, 12345678.5, 1e23, -0.0, 7.0, np.nan, np.inf]
    frame = pd.DataFrame({"double": floats * 12, "y": np.arange(120.0)})
    frame["single"] = frame.double.astype(np.float32)
    frame["whole"] = np.arange(120) % 7 + 2**60
    frame["flag"] = frame.whole % 2 == 0
    frame["money"] = [Decimal(n % 5) / 4 for n in range(120)]
    frame["day"] = [pd.Timestamp(2020, 1, n % 5 + 1).date() for n in range(120)]
    frame["moment"] = pd.to_datetime(frame.whole % 3 * 500, unit="ms").astype("datetime64[us]")
    # NaN is written as it is, not as null.
    pq.write_table(
        pa.Table.from_pydict({name: pa.array(frame[name], from_pandas=False) for name in frame}), tmp_path / "t.parquet"
    )
    names = [name for name in frame if name != "y"]
    store = build(spark, spec_for(tmp_path / "t.parquet", categorical=names, key="y"), tmp_path / "root")
    assert_served_as_stored(store, frame.assign(day=pd.to_datetime(frame.day)))


def test_what_pandas_reads_from_the_same_text_gets_the_same_ids(spark, tmp_path):
    rows = [f"{c},{code},{('TRUE', 'FALSE')[i % 2]},{i % 2},{i}" for i, (c, code) in enumerate(PAIRS * 20)]
    (tmp_path / "t.csv").write_text("\n".join(["c,code,flag,x,y", *rows]))
    store_spec = spec_for(
        tmp_path / "t.csv", numeric=["x"], categorical=["c", "code", "flag"], source={"null_values": ["?"]}, key="y"
    )
    store = build(spark, store_spec, tmp_path / "root")
    assert store.features.null_values == ("?", "")
    read = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert [read[name].dtype.kind for name in ("c", "code", "flag")] == ["O", "i", "b"]
    assert_served_as_stored(store, read)


def test_a_label_keeps_its_unit_and_is_scaled_by_training_rows(store, frame):
    train, label = train_rows(store, frame), store.features.label
    assert label.task == "regression"
    assert label.center == pytest.approx(train.y.mean(), rel=1e-9)
    assert label.scale == pytest.approx(train.y.std(ddof=0), rel=1e-9)
    assert sorted(rows_of(store).y) == sorted(frame.y)


def test_a_log_label(spark, tmp_path, frame):
    frame.to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(tmp_path / "t.parquet", numeric=["skewed"], key="key", target="log")
    store = build(spark, store_spec, tmp_path / "root")
    logs = np.log1p(train_rows(store, frame).y)
    assert store.features.label.center == pytest.approx(logs.mean(), rel=1e-9)
    assert store.features.label.scale == pytest.approx(logs.std(ddof=0), rel=1e-9)


@pytest.mark.parametrize(
    ("labels", "settings", "task", "classes"),
    [
        (["no", "yes"], {}, "binary", ("no", "yes")),
        (["no", "yes"], {"positive_class": "no"}, "binary", ("yes", "no")),
        ([False, True], {}, "binary", ("false", "true")),
        ([0, 1], {}, "binary", ("0", "1")),
        ([0.0, 1.0], {"positive_class": "0"}, "binary", ("1", "0")),
        (["b", "a", "c"], {}, "multiclass", ("a", "b", "c")),
        ([2, 10, 1], {"task": "multiclass"}, "multiclass", ("1", "2", "10")),
        ([2, 10, 1], {}, "regression", ()),
        ([0, 1], {"task": "regression"}, "regression", ()),
    ],
)
def test_the_task_follows_from_the_label(spark, tmp_path, labels, settings, task, classes):
    frame = pd.DataFrame({"x": np.arange(60.0), "y": (labels * 60)[:60]})
    frame.to_parquet(tmp_path / "t.parquet")
    store = build(spark, spec_for(tmp_path / "t.parquet", numeric=["x"], **settings), tmp_path / "root")
    label = store.features.label
    assert (label.task, label.classes) == (task, classes)
    if classes:
        named = rows_of(store).y.map(dict(enumerate(classes)))
        expected = pd.Series((labels * 60)[:60]).map(lambda value: str(value).lower().removesuffix(".0"))
        assert named.value_counts().to_dict() == expected.value_counts().to_dict()


def test_a_vocabulary_of_thousands(spark, tmp_path):
    values = [f"value {i}" for i in range(5000)]
    frame = pd.DataFrame({"c": values * 2, "y": np.arange(10_000.0)})
    frame.to_parquet(tmp_path / "t.parquet")
    groups = [{"columns": ["c"], "max_categories": 10_000}]
    store_spec = spec_for(tmp_path / "t.parquet", categorical=groups)
    store = build(spark, store_spec, tmp_path / "root")
    (feature,) = store.features.categorical
    ids = {value: i for i, value in enumerate(feature.vocabulary, start=1)}
    rows = rows_of(store)
    assert rows.c.tolist() == [ids.get(frame.c[int(y)], 0) for y in rows.y]
    assert feature.size > 3000


@pytest.mark.slow
def test_of_a_million_categories_the_most_frequent_are_kept(spark, tmp_path):
    """The driver has 1 GB here (see conftest); tests/full/test_categories.py keeps all of them."""
    check_a_million_categories(spark, tmp_path, kept=1000)


def test_texts_of_any_length_are_categories(spark, tmp_path):
    """Spark's JSON reader, which reads small vocabularies, stops at 50,000 characters."""
    texts = ["short", "x" * 60_000, "y" * 300_000, None]
    frame = pd.DataFrame({"c": texts * 15, "y": np.arange(60.0)})
    frame.to_parquet(tmp_path / "t.parquet")
    groups = [{"columns": ["c"]}]
    store = build(spark, spec_for(tmp_path / "t.parquet", categorical=groups, key="y"), tmp_path / "root")
    rows, (feature,) = rows_of(store), store.features.categorical
    known = {text: i for i, text in enumerate(feature.vocabulary, start=1)}
    assert len(known) == len(texts)
    assert rows.c.tolist() == [known[(texts * 15)[int(y)] or NULL_TOKEN] for y in rows.y]
