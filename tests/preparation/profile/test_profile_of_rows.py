"""The profile of a written store against pandas on the same rows, and drift of new rows against it."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline import drift
from pipeline.config.load import parse_config
from pipeline.errors import DataError
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.profile.shares import stability_index
from pipeline.schemas.profile import QUANTILES
from pipeline.stages.context import open_stage
from pipeline.stages.prepare import prepare, prepare_store
from pipeline.store.filesystem import storage_path
from pipeline.store.store import open_store, read_audit, read_profile
from pipeline.tracking.tracker import MemoryTracker
from tests.report.test_profile_page import checked

pytestmark = pytest.mark.spark

ROWS = 3000


def table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(rows) + 100_000 * seed,
            "size": np.where(random.random(rows) < 0.1, np.nan, np.round(random.lognormal(3, 1, rows), 2)),
            "count": random.poisson(2, rows).astype(float),
            "age": random.uniform(0, 90, rows).round(),
            "city": random.choice(["a", "b", "c", None], rows, p=[0.5, 0.3, 0.15, 0.05]),
            "tags": [
                ";".join(random.choice(["x", "y", "z"], random.integers(0, 3), replace=False)) for _ in range(rows)
            ],
            "hashed": random.choice(["p", "q", None], rows),
            "grade": random.choice(["low", "high"], rows),
            "part": random.choice(["train", "validation", "test"], rows, p=[0.6, 0.2, 0.2]),
            "y": random.choice(["no", "yes"], rows, p=[0.7, 0.3]),
        }
    )


SPLIT = {
    "method": "column",
    "column": "part",
    "values": {name: [name] for name in ("train", "validation", "test")},
}

FEATURES = {
    "numeric": [
        {"columns": ["size"], "shape": "log1p"},
        {"columns": ["count"]},
        {"columns": ["age"], "encoding": "bucketize", "edges": [18, 40, 65]},
    ],
    "categorical": [
        {"columns": ["city"]},
        {"columns": ["tags"], "separator": ";"},
        {"columns": ["hashed"], "hash_buckets": 8},
        {"columns": ["grade"], "encoding": "target_mean"},
    ],
}


def config(folder, **drift):
    return parse_config(
        {
            "name": "profiled",
            "storage": {"root": str(folder / "root")},
            "data": {"source": {"path": str(folder / "t.parquet")}, "label": "y", "key": "id"},
            "split": SPLIT,
            "features": FEATURES,
            "drift": drift,
            "track": {"enabled": False},
        }
    )


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return table()


@pytest.fixture(scope="module")
def prepared(_spark_of_the_session, frame, tmp_path_factory):
    """One store for all tests here; and its folder, where the source lies too."""
    folder = tmp_path_factory.mktemp("profile")
    frame.to_parquet(folder / "t.parquet")
    made = prepare(config(folder), spark=_spark_of_the_session)
    return open_store(storage_path(made.store)), folder


def test_numbers_are_those_of_the_training_rows(prepared, frame):
    profile = read_profile(prepared[0])
    assert profile.rows == frame["part"].value_counts().to_dict()
    assert (profile.sample_rows, profile.rank_error) == (profile.rows["train"], 0.0)
    numbers = {number.name: number for number in profile.numbers}
    for name in ("size", "count", "age"):
        for split, rows in frame.groupby("part"):
            values, summary = rows[name], numbers[name].splits[split]
            assert (summary.rows, summary.nulls, summary.zeros) == (len(rows), values.isna().sum(), (values == 0).sum())
            assert (summary.low, summary.high) == (values.min(), values.max())
            assert (summary.mean, summary.std) == pytest.approx((values.mean(), values.std(ddof=0)), rel=1e-8)
    train = frame[frame["part"] == "train"]
    for name in ("size", "count"):
        values, number = train[name].dropna(), numbers[name]
        assert number.quantiles == pytest.approx(values.quantile(QUANTILES).tolist(), rel=1e-5, abs=1e-5)
        assert (number.distinct, sum(number.histogram.counts), sum(number.bins.counts)) == (
            values.nunique(),
            len(values),
            len(values),
        )
    by_hand = pd.cut(train["age"], [-np.inf, 18, 40, 65, np.inf], right=False).value_counts(sort=False).tolist()
    assert list(numbers["age"].bins.counts) == by_hand


def test_texts_are_counted_exactly(prepared, frame):
    profile, train = read_profile(prepared[0]), frame[frame["part"] == "train"]
    texts = {text.name: text for text in profile.texts}
    city = texts["city"]
    assert {value.value: value.count for value in city.values} == train["city"].value_counts().to_dict()
    assert (city.rows, city.nulls, city.distinct, city.unknown) == (len(train), train["city"].isna().sum(), 3, 0)
    tags = train["tags"].str.split(";").explode()
    assert {value.value: value.count for value in texts["tags"].values} == tags[tags != ""].value_counts().to_dict()
    without = int((train["tags"].fillna("").str.strip("; ") == "").sum())
    assert without > 0
    assert (texts["tags"].nulls, texts["tags"].rows) == (without, without + int((tags.fillna("") != "").sum()))
    assert (texts["hashed"].nulls, texts["hashed"].values) == (train["hashed"].isna().sum(), ())
    assert texts["hashed"].note == "hashed to 8 buckets, values are not counted"
    assert texts["grade"].values[0].count == train["grade"].value_counts().max()
    assert {value.value: value.count for value in profile.label.values} == train["y"].value_counts().to_dict()


def test_other_splits_are_compared_with_the_training_rows(prepared, frame):
    profile = read_profile(prepared[0])
    assert [report.data for report in profile.drift] == ["validation", "test"]
    shares = {
        split: rows["city"].fillna("null").value_counts(normalize=True).sort_index().tolist()
        for split, rows in frame.groupby("part")
    }
    for report in profile.drift:
        columns = {column.name: column for column in report.columns}
        assert set(columns) == {"size", "count", "age", "city", "tags", "hashed", "y"}
        assert columns["city"].psi == pytest.approx(stability_index(shares["train"], shares[report.data]), rel=1e-9)
        assert columns["size"].missing == pytest.approx(frame[frame["part"] == report.data]["size"].isna().mean())
        assert not [column for column in report.columns if column.shift > 0.1]


def test_new_rows_are_compared_in_one_query_and_limits_hold(spark, prepared, frame, caplog):
    folder = prepared[1]
    options = config(folder)
    same = drift(options, str(folder / "t.parquet"), spark=spark)
    assert same.rows == ROWS and max(column.shift for column in same.columns) == 0.0

    other = table(seed=1).drop(columns="y")
    other["count"] += 1000
    other["city"] = np.where(np.arange(ROWS) < 300, "never seen", other["city"])
    other.to_parquet(folder / "new.parquet")
    with caplog.at_level(logging.WARNING, "pipeline.preparation.profile.drift_limits"):
        report = drift(options, str(folder / "new.parquet"), spark=spark)
    columns = {column.name: column for column in report.columns}
    assert (report.columns[0].name, columns["count"].new, columns["count"].psi > 5) == ("count", 1.0, True)
    assert columns["city"].new == pytest.approx(0.1)
    assert columns["city"].missing == pytest.approx(other["city"].isna().mean())
    assert columns["size"].missing == pytest.approx(other["size"].isna().mean())
    assert columns["hashed"].missing == pytest.approx(other["hashed"].isna().mean())
    train = frame[frame["part"] == "train"]
    ages = [pd.cut(rows["age"], [-np.inf, 18, 40, 65, np.inf], right=False) for rows in (train, other)]
    shares = [age.value_counts(normalize=True, sort=False).tolist() for age in ages]
    assert columns["age"].psi == pytest.approx(stability_index(*shares), rel=1e-9)
    logger = "pipeline.preparation.profile.drift_limits"
    warnings = [record.getMessage() for record in caplog.records if record.name == logger]
    assert len(warnings) == 2 and "'count' (" in warnings[0]
    assert warnings[1].endswith("more than 1.00% new categories in 'city' (10.00%)")

    with pytest.raises(DataError, match=r"1 of 7 columns drifted too far.*\n.*\n.*\ncity ") as error:
        drift(
            config(folder, new_category_stop=0.05),
            str(folder / "new.parquet"),
            spark=spark,
        )
    assert "count" not in str(error.value).splitlines()[3]


def test_prepare_logs_the_profile_and_a_page(spark, prepared):
    folder, tracker = prepared[1], MemoryTracker()
    settings = config(folder)
    with open_stage(settings, "prepare", spark=spark) as resources:
        store, _ = prepare_store(replace(resources, tracker=tracker), StoreSpec.of(settings), settings.drift)
    assert tracker.artifacts["data/profile.json"] == read_profile(store).to_json()
    page = checked(tracker.artifacts["data/profile.html"])
    assert "size" in page.words and read_audit(store).checks[0].name in page.words
