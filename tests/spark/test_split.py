"""A row's split, shard and place depend on nothing but its own values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyspark.sql.functions as F
import pytest

from pipeline.config.split import SplitFractions
from pipeline.contract.columns import ROW_ID
from pipeline.data.split import ORDER, ROW_HASH, SHARD, SPLIT, with_split
from pipeline.data.write import _murmur3
from tests.support.recipes import build, recipe_for, rows_of

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
    recipe = recipe_for(tmp_path / name, numeric=["x"], categorical=["c"], key=list(key), **settings)
    rows = rows_of(build(spark, recipe, tmp_path / "root"))
    return rows.assign(y=rows.y.round(3)).sort_values(["y", ROW_ID])[["y", "split", "shard", ROW_ID]]


def test_order_other_columns_and_file_format_change_nothing(spark, tmp_path, frame):
    base = assignment(spark, tmp_path, frame)
    permuted = frame.sample(frac=1.0, random_state=1).assign(unrelated=1.0)[["unrelated", "y", "c", "x", "id"]]
    again = assignment(spark, tmp_path, permuted, name="permuted.parquet")
    assert again.to_numpy().tolist() == base.to_numpy().tolist()
    frame.to_csv(tmp_path / "t.csv", index=False)
    recipe = recipe_for(tmp_path / "t.csv", numeric=["x"], categorical=["c"])
    rows = rows_of(build(spark, recipe, tmp_path / "root"))
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


def hashed(spark, rows: int, seed: int, **fractions: float):
    ids = spark.range(rows).withColumns({ROW_ID: F.xxhash64("id"), ROW_HASH: F.xxhash64("id")})
    return with_split(ids, ROW_ID, SplitFractions(**fractions), seed)


def test_shares_are_as_configured_and_shards_independent_of_them(spark):
    counts = hashed(spark, 20_000, 3, train=0.7, validation=0.1, test=0.2).groupBy(SPLIT, SHARD).count().toPandas()
    shares = counts.groupby(SPLIT)["count"].sum() / 20_000
    assert shares.to_numpy() == pytest.approx([0.7, 0.1, 0.2], abs=0.012)
    train = counts[counts[SPLIT] == 0]["count"]
    assert len(train) == 16
    # 875 expected; five deviations of a binomial count.
    assert train.between(875 - 150, 875 + 150).all()


def test_test_rows_stay_when_the_validation_share_changes(spark):
    wide = hashed(spark, 5000, 0, train=0.5, validation=0.3, test=0.2).where(f"{SPLIT} = 2").select("id")
    none = hashed(spark, 5000, 0, train=0.8, validation=0.0, test=0.2)
    assert none.where(f"{SPLIT} = 2").select("id").exceptAll(wide).count() == 0
    assert sorted(row[0] for row in none.select(SPLIT).distinct().collect()) == [0, 2]


def test_order_is_no_function_of_the_row_id_order(spark):
    order = hashed(spark, 1000, 0, train=0.8, validation=0.1, test=0.1).select(ROW_ID, ORDER).toPandas()
    assert abs(order[ROW_ID].rank().corr(order[ORDER].rank())) < 0.12


def test_negative_zero_is_zero(spark, tmp_path):
    pd.DataFrame({"x": [0.0, -0.0] * 20, "y": np.repeat(np.arange(20.0), 2)}).to_parquet(tmp_path / "t.parquet")
    rows = rows_of(build(spark, recipe_for(tmp_path / "t.parquet", numeric=["x"]), tmp_path / "root"))
    assert rows[ROW_ID].nunique() == 20


def test_our_hash_of_an_integer_is_sparks(spark):
    numbers = [0, 1, 2, 16, 65_535, 2_147_483_647]
    rows = spark.createDataFrame([(n,) for n in numbers], "n int").select(F.hash("n")).collect()
    assert [_murmur3(n) % (1 << 32) for n in numbers] == [row[0] % (1 << 32) for row in rows]
