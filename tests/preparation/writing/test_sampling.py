"""Sampling: training rows of frequent classes are left out or those of rare ones repeated, and nothing else changes."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.preparation.writing.sampling import plan_sampling
from pipeline.schemas.store_schema import ROW_ID
from pipeline.store.manifest import Sampled
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ROWS = 2000
LABEL = "a.label"
ALL = {"train": 1.0, "validation": 0.0, "test": 0.0}


def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    label = random.choice(["often", "some", "rare"], ROWS, p=[0.7, 0.2, 0.1])
    return pd.DataFrame({"id": np.arange(ROWS), "x": random.normal(size=ROWS), LABEL: label})


def store_of(spark, tmp_path, method: str | None, ratio: float = 1.0, *, place: str = "t", **settings):
    path = tmp_path / f"{place}.parquet"
    if not path.exists():
        table().to_parquet(path)
    sampling = {"sampling": {"method": method, "ratio": ratio}} if method else {}
    store_spec = spec_for(path, label=LABEL, numeric=["x"], key="id", **sampling, **settings)
    return build(spark, store_spec, tmp_path / f"r{place}")


def counts_of(store) -> dict[str, int]:
    found = rows_of(store, "train")[LABEL].value_counts()
    return {name: int(found[i]) for i, name in enumerate(store.features.label.classes)}


@pytest.fixture(scope="module")
def plain(_spark_of_the_session, tmp_path_factory):
    """The store of the same rows without sampling."""
    return store_of(_spark_of_the_session, tmp_path_factory.mktemp("plain"), None)


def test_down_keeps_the_rarest_class_and_a_share_of_the_others(spark, tmp_path, plain, caplog):
    with caplog.at_level(logging.INFO, "pipeline"):
        store = store_of(spark, tmp_path, "down", 0.5)
    before, after = counts_of(plain), counts_of(store)
    assert store.manifest.sampled == Sampled(before=before, after=after)
    assert after["rare"] == before["rare"]
    assert after["often"] == pytest.approx(2 * before["rare"], rel=0.2)
    assert store.features.label.counts == tuple(after.values())
    assert store.manifest.rows["train"] == sum(after.values())
    ids = [set(rows_of(each, "train")[ROW_ID]) for each in (store, plain)]
    assert ids[0] < ids[1]
    numbers = ", ".join(f"{name} {count:,}" for name, count in after.items())
    assert f"sampled to {numbers}." in caplog.text


def test_up_repeats_rare_rows_in_shards_and_places_of_their_own(spark, tmp_path, plain):
    store = store_of(spark, tmp_path, "up")
    before, after = counts_of(plain), counts_of(store)
    assert after["often"] == before["often"]
    assert after["rare"] == pytest.approx(before["often"], rel=0.05)
    assert store.manifest.sampled == Sampled(before=before, after=after)
    rows = rows_of(store, "train")
    times = rows.groupby([LABEL, ROW_ID]).size()
    factors = {name: before["often"] / count for name, count in before.items()}
    for i, name in enumerate(store.features.label.classes):
        assert set(times[i]) <= {int(np.floor(factors[name])), int(np.ceil(factors[name]))}
    rare = rows[rows[LABEL] == store.features.label.classes.index("rare")]
    shards = rare.groupby(ROW_ID)["shard"].nunique()
    assert shards.mean() > 0.6 * factors["rare"], "copies are spread over shards"
    assert (rare.groupby("shard").size() / len(rare)).max() < 3 / store.manifest.shards
    neighbours = (rows[ROW_ID] == rows[ROW_ID].shift()) & (rows["shard"] == rows["shard"].shift())
    assert neighbours.mean() < 0.02


@pytest.mark.parametrize("method", ["down", "up"])
def test_features_and_the_other_splits_stay_as_they_are(spark, tmp_path, plain, method):
    store = store_of(spark, tmp_path, method)
    assert (store.features.numeric, store.features.categorical) == (plain.features.numeric, plain.features.categorical)
    for split in ("validation", "test"):
        pd.testing.assert_frame_equal(rows_of(store, split), rows_of(plain, split))
    parts = tmp_path / "again.parquet"
    parts.mkdir()
    shuffled = table().sample(frac=1.0, random_state=3)
    for i in range(3):
        shuffled.iloc[i::3].to_parquet(parts / f"{i}.parquet")
    again = store_of(spark, tmp_path, method, place="again")
    assert [file.sha256 for file in again.split("train").files] == [file.sha256 for file in store.split("train").files]


def test_plain_stores_say_nothing_of_sampling(plain):
    assert plain.manifest.sampled is None
    assert sum(plain.manifest.rows.values()) == ROWS


def test_what_does_not_fit_is_named(spark, tmp_path):
    with pytest.raises(ConfigError, match=r"sampling needs a label with classes, not task: regression"):
        spec_for("t.csv", numeric=["x"], task="regression", sampling={"method": "up"})
    with pytest.raises(ConfigError, match="ratio goes with method: down or up"):
        spec_for("t.csv", numeric=["x"], sampling={"ratio": 0.5})
    frame = table()
    frame.assign(y=frame["x"] * 2).to_parquet(tmp_path / "number.parquet")
    store_spec = spec_for(tmp_path / "number.parquet", numeric=["x"], sampling={"method": "up"})
    with pytest.raises(ConfigError, match=r"data\.sampling needs a label with classes\. Received: 'y', a number"):
        build(spark, store_spec, tmp_path / "r")
    equal = pd.DataFrame({"x": [1.0] * 500 + list(range(40)), "y": ["often"] * 500 + ["rare"] * 40})
    equal.to_csv(tmp_path / "equal.csv", index=False)
    store_spec = spec_for(tmp_path / "equal.csv", numeric=["x"], sampling={"method": "down"}, fractions=ALL)
    with pytest.raises(DataError, match=r"leaves no training row of class 'often' of label 'y': its rows are equal"):
        build(spark, store_spec, tmp_path / "r")


def test_counts_that_sampling_cannot_give_are_noticed(plain):
    from pipeline.config.sampling import SamplingConfig

    sampling = plan_sampling(SamplingConfig(method="up", ratio=0.5), plain.features.label)
    before = dict(zip(sampling.label.classes, sampling.label.counts, strict=True))
    assert sampling.allows(Sampled(before=before, after={**before, "rare": 4 * before["rare"]}))
    assert not sampling.allows(Sampled(before=before, after={**before, "rare": 2 * before["rare"]}))
    assert not sampling.allows(Sampled(before=before, after={**before, "often": before["often"] - 1}))
