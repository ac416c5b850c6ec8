"""A stored row's split, shard and place depend on nothing but its own values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyspark.sql.functions as F
import pytest

from pipeline.preparation.writing.shuffled import _murmur3
from pipeline.schemas.store_schema import ROW_ID
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ROWS = 160


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": random.integers(0, 60, ROWS),
            "x": random.normal(size=ROWS),
            "c": random.choice(["a", "b", None], ROWS),
            "y": random.normal(size=ROWS).round(3),
        }
    )


def assignment(spark, tmp_path, frame: pd.DataFrame, *, key=(), name="t.parquet", **settings) -> pd.DataFrame:
    """Split and shard by the label, which is as good as unique here."""
    frame.to_parquet(tmp_path / name)
    store_spec = spec_for(tmp_path / name, numeric=["x"], categorical=["c"], key=list(key), **settings)
    rows = rows_of(build(spark, store_spec, tmp_path / "root"))
    return rows.assign(y=rows.y.round(3)).sort_values(["y", ROW_ID])[["y", "split", "shard", ROW_ID]]


def test_order_other_columns_and_file_format_change_nothing(spark, tmp_path, frame):
    base = assignment(spark, tmp_path, frame)
    permuted = frame.sample(frac=1.0, random_state=1).assign(unrelated=1.0)[["unrelated", "y", "c", "x", "id"]]
    again = assignment(spark, tmp_path, permuted, name="permuted.parquet")
    assert again.to_numpy().tolist() == base.to_numpy().tolist()
    frame.to_csv(tmp_path / "t.csv", index=False)
    store_spec = spec_for(tmp_path / "t.csv", numeric=["x"], categorical=["c"])
    rows = rows_of(build(spark, store_spec, tmp_path / "root"))
    assert sorted(rows[ROW_ID]) == sorted(base[ROW_ID])
    assert (rows.sort_values(["y", ROW_ID]).split.to_numpy() == base.split.to_numpy()).all()


def test_appended_rows_leave_the_old_ones_where_they_were(spark, tmp_path, frame):
    base = assignment(spark, tmp_path, frame, key=["id"])
    more = pd.concat([frame, frame.assign(id=frame.id + 1000, y=frame.y + 100)])
    after = assignment(spark, tmp_path, more, key=["id"], name="more.parquet")
    old = after[after.y < 50]
    assert (old[["y", "split", ROW_ID]].to_numpy() == base[["y", "split", ROW_ID]].to_numpy()).all()


def test_rows_of_one_key_share_a_split_and_spread_over_shards(spark, tmp_path, frame):
    rows = assignment(spark, tmp_path, frame, key=["id"])
    assert rows[ROW_ID].nunique() == frame.id.nunique()
    assert (rows.groupby(ROW_ID).split.nunique() == 1).all()
    assert rows.groupby(ROW_ID).shard.nunique().max() > 1


def test_another_seed_gives_another_split(spark, tmp_path, frame):
    first = assignment(spark, tmp_path, frame)
    second = assignment(spark, tmp_path, frame, seed=1)
    assert (first[ROW_ID].to_numpy() == second[ROW_ID].to_numpy()).all()
    assert 0.3 < (first.split.to_numpy() == second.split.to_numpy()).mean() < 0.6


def test_negative_zero_is_zero(spark, tmp_path):
    twice = np.repeat(np.arange(20.0), 2)
    pd.DataFrame({"x": [0.0, -0.0] * 20, "z": twice % 7, "y": twice}).to_parquet(tmp_path / "t.parquet")
    rows = rows_of(build(spark, spec_for(tmp_path / "t.parquet", numeric=["x", "z"]), tmp_path / "root"))
    assert rows[ROW_ID].nunique() == 20


def test_our_hash_of_an_integer_is_sparks(spark):
    numbers = [0, 1, 2, 16, 65_535, 2_147_483_647]
    rows = spark.createDataFrame([(n,) for n in numbers], "n int").select(F.hash("n")).collect()
    assert [_murmur3(n) % (1 << 32) for n in numbers] == [row[0] % (1 << 32) for row in rows]
