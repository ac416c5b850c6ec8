"""A row's split, shard and place depend on nothing but its own values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyspark.sql.functions as F
import pytest

from pipeline.config.data import DataConfig
from pipeline.config.split import SplitConfig, SplitFractions
from pipeline.contract.columns import ROW_ID
from pipeline.data.faults import any_fault, bad_rows_error
from pipeline.data.moment import TimeColumn, moment_of, open_time
from pipeline.data.raw import RawTable
from pipeline.data.split import (
    LEFT_OUT,
    ORDER,
    ROW_HASH,
    SHARD,
    SPLIT,
    ResolvedSplit,
    resolve_split,
)
from pipeline.data.strata import count_strata, strata_problems
from pipeline.data.table import Inputs
from pipeline.data.unplaced import place_faults
from pipeline.errors import ConfigError, DataError, PipelineError
from tests.support.splits import with_split

pytestmark = pytest.mark.spark


def hashed(spark, rows: int, seed: int, **fractions: float):
    ids = spark.range(rows).withColumns({ROW_ID: F.xxhash64("id"), ROW_HASH: F.xxhash64("id")})
    return with_split(ids, ResolvedSplit("hash", SplitFractions(**fractions)), seed=seed)


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


# Every method, on one table: column names of the source and safe columns are the same here.
NAMES = ("number", "group", "day", "moment", "part")
COLUMNS = {name: name for name in NAMES}
DATA = DataConfig(source={"sample": "iris"}, label="number", key="number", group="group", time="day")
UNGROUPED = DATA.model_copy(update={"group": ()})
CONFIGS = {
    "hash": {"method": "hash"},
    "stratified": {"method": "stratified", "by": "part"},
    "group": {"method": "group"},
    "time": {"method": "time", "validation_from": "2024-02-01", "test_from": "2024-03-01", "gap": "5d"},
    "column": {"method": "column", "column": "part", "values": {"train": ["a", "b"], "validation": "c", "test": 1}},
}
EVERY = 400


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    number = np.arange(EVERY)
    return pd.DataFrame(
        {
            "number": number,
            "group": random.choice([f"g{i}" for i in range(40)], EVERY),
            "day": [f"2024-{1 + n % 91 // 31:02d}-{1 + n % 91 % 31 % 29:02d}" for n in number],
            "moment": random.normal(size=EVERY),
            "part": random.choice(["a", "b", "c", "1"], EVERY),
        }
    )


def opened(spark, frame: pd.DataFrame):
    rows = spark.createDataFrame(frame)
    return rows.withColumns({ROW_ID: F.xxhash64("number"), ROW_HASH: F.xxhash64(*NAMES)})


def resolved(rows, content: dict, data: DataConfig = DATA) -> ResolvedSplit:
    return resolve_split(SplitConfig(**content), data, COLUMNS, rows)


def places(rows) -> pd.DataFrame:
    """The split of each row by each method, in one job, in the order of `number`."""
    for method, content in CONFIGS.items():
        data = DATA if method == "group" else UNGROUPED
        rows = with_split(rows, resolved(rows, content, data), seed=7).withColumnRenamed(SPLIT, f"by_{method}")
        rows = rows.drop(SHARD, ORDER)
    return rows.toPandas().sort_values("number", ignore_index=True)


@pytest.fixture(scope="module")
def placed(_spark_of_the_session, table) -> pd.DataFrame:
    return places(opened(_spark_of_the_session, table))


@pytest.mark.parametrize("method", CONFIGS)
def test_every_method_makes_three_splits(placed, method):
    assert {0, 1, 2} <= set(placed[f"by_{method}"])


def test_order_partitions_other_columns_and_more_rows_change_nothing(spark, table, placed):
    more = table.assign(number=table.number + 1000, day="2024-12-31", group="new", part="c")
    changed = pd.concat([more, table]).sample(frac=1.0, random_state=3).assign(unrelated="x")
    again = places(opened(spark, changed[["unrelated", *reversed(NAMES)]]).repartition(5))
    methods = [f"by_{method}" for method in CONFIGS]
    assert again[again.number < EVERY][methods].to_numpy().tolist() == placed[methods].to_numpy().tolist()


def test_a_group_is_whole(placed):
    assert (placed.groupby("group").by_group.nunique() == 1).all()
    assert placed.groupby("group").by_hash.nunique().max() == 3


def test_time_ascends_and_the_gap_is_left_out(placed):
    days = placed.groupby("by_time").day
    assert days.max()[0] == "2024-01-26"
    assert (days.min()[1], days.max()[1]) == ("2024-02-01", "2024-02-24")
    assert days.min()[2] == "2024-03-01"
    in_gaps = placed.day.between("2024-01-27", "2024-01-31") | placed.day.between("2024-02-25", "2024-02-29")
    assert in_gaps.any()
    assert ((placed.by_time == LEFT_OUT) == in_gaps).all()


def test_the_column_decides(placed):
    assert (placed.part.map({"a": 0, "b": 0, "c": 1, "1": 2}) == placed.by_column).all()


MIDNIGHT = 1719705600.0
MOMENTS = {
    # text: (as a date, as a number)
    "2024-06-30": (MIDNIGHT, None),
    "2024-6-30": (MIDNIGHT, None),
    "2024-06-30T00:00:00Z": (MIDNIGHT, None),
    "20240630": (MIDNIGHT, 20240630.0),
    "20240630T000000": (MIDNIGHT, None),
    "20240630T0000": (MIDNIGHT, None),
    "20240630T010000+0100": (MIDNIGHT, None),
    "20240630T0000Z": (MIDNIGHT, None),
    "2024-06-30 01:00+01:00": (MIDNIGHT, None),
    " 2024-06-30 00:00": (MIDNIGHT, None),
    "2024-06-30T02:00:00+02:00": (MIDNIGHT, None),
    "2024-06-29 22:30:00-0130": (MIDNIGHT, None),
    "2024-06-30T00:00:00.5": (MIDNIGHT + 0.5, None),
    # A moment that New York skips.
    "2024-03-10 02:30:00": (1710037800.0, None),
    " 5.5": (None, 5.5),
    "NaN": (None, None),
    "Infinity": (None, None),
    "5d": (None, None),
    "T12:00": (None, None),
    "T12:00Z": (None, None),
    "202406": (None, 202406.0),
    "2024-13-01": (None, None),
    "20241301": (None, 20241301.0),
    "": (None, None),
}


def test_texts_are_read_as_moments_in_any_zone(spark):
    rows = spark.createDataFrame([(value,) for value in MOMENTS], "t string")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        read = [moment_of(rows, TimeColumn("t", "t", dated)) for dated in (True, False)]
        found = {row[0]: (row[1], row[2]) for row in rows.select("t", *read).collect()}
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert found == MOMENTS


def test_typed_columns_are_moments(spark):
    sql = "select date'2024-06-30' d, timestamp_ntz'2024-06-30 00:00:00.25' n, timestamp'2024-06-30 00:00:00Z' t, 3L i"
    rows = spark.sql(sql)
    columns = [moment_of(rows, open_time(rows, name, name, given=())) for name in "dnti"]
    assert list(rows.select(*columns).first()) == [1719705600.0, 1719705600.25, 1719705600.0, 3.0]


def test_shares_by_time_come_close_and_are_told(spark, table, caplog):
    content = {"method": "time", "fractions": {"train": 0.5, "validation": 0.25, "test": 0.25}}
    rows = opened(spark, table)
    split = resolved(rows.repartition(3), content)
    assert split == resolved(rows, content)
    shares = with_split(rows, split, seed=0).toPandas()[SPLIT].value_counts(normalize=True).sort_index()
    assert shares.to_numpy() == pytest.approx([0.5, 0.25, 0.25], abs=0.03)
    begun = " and ".join(split.time.text(cut) for _, cut in split.cuts)
    assert f"cut at {begun}, found from the rows to 1 hour" in caplog.text
    assert "set split.validation_from and split.test_from to keep them" in caplog.text


def test_numbers_divide_by_time_too(spark):
    rows = spark.range(1000).select(F.col("id").alias("day"))
    split = resolved(rows, {"method": "time", "fractions": {"train": 0.8, "validation": 0.0, "test": 0.2}})
    assert split.cuts == ((2, 800.0),)
    assert split.wanted == ("train", "test")


def message_of(error: type[PipelineError], action) -> str:
    with pytest.raises(error) as raised:
        action()
    return str(raised.value)


def test_cuts_that_do_not_fit_the_time_column_are_named(spark):
    rows = spark.sql("select 5 as day")
    answer = message_of(ConfigError, lambda: resolved(rows, {"method": "time", "test_from": "2024-01-01"}))
    assert answer == (
        "Column 'day' (data.time) holds numbers. Allowed: numbers. Received: 2024-01-01. "
        "Write the cuts and the gap of the split alike."
    )
    rows = spark.sql("select date'2024-01-01' as day")
    answer = message_of(ConfigError, lambda: resolved(rows, {"method": "time", "gap": 7}))
    assert "holds dates. Allowed: dates like 2024-06-30, and lengths like 7d. Received: 7.0." in answer


def test_a_time_column_without_time_is_named(spark):
    rows = spark.sql("select true as day")
    assert message_of(DataError, lambda: resolved(rows, {"method": "time"})) == (
        "Column 'day' (data.time) has no usable type. Allowed: dates, times, numbers, or texts that hold them. "
        "Received: boolean."
    )
    rows = spark.sql("select cast(null as string) as day")
    assert "has no time in any row" in message_of(DataError, lambda: resolved(rows, {"method": "time"}))
    rows = spark.sql("select 1 as day union all select 2")
    assert message_of(DataError, lambda: resolved(rows, {"method": "time"})) == (
        "Column 'day' (data.time) has 2 different times, too few for 2 cuts. Give more rows, or divide them otherwise."
    )


def unplaced(rows, content: dict, data: DataConfig = UNGROUPED) -> str:
    """What is said of rows that have no place: those that `with_split` gives none."""
    split = resolved(rows, content, data)
    raw = RawTable(rows, tuple(rows.columns))
    faults = tuple(place_faults(Inputs(rows, raw, (), (), data), split))
    divided = with_split(rows.withColumns({ROW_ID: F.lit(1), ROW_HASH: F.lit(1)}), split, seed=0)
    nowhere = divided.where(f"{SPLIT} is null").count()
    assert nowhere == divided.where(any_fault(faults)).count() > 0
    return str(bad_rows_error(divided, faults, total=rows.count(), bad=nowhere, allowed=0))


def test_rows_that_belong_nowhere_are_named(spark):
    rows = spark.createDataFrame([("a", "2024-01-01"), ("x", "soon"), (None, None)], "part string, day string")
    answer = unplaced(rows, CONFIGS["column"])
    assert (
        "- Column 'part' (split.column) is missing in 1 of 3 rows. Fill it, or correct split.column.\n"
        "  - Column 'part' (split.column) has a value that split.values does not name in 1 of 3 rows. "
        "Allowed: a, b, c, 1. Received: 'x'. Name the value under split.values, or repair these rows."
    ) in answer
    answer = unplaced(rows, {"method": "time", "test_from": "2024-01-01"})
    assert "Column 'day' (data.time) is missing in 1 of 3 rows. Fill it, or correct data.time." in answer
    assert (
        "Column 'day' (data.time) is no time in 1 of 3 rows. Allowed: a date or time like 2024-06-30T12:00:00. "
        "Received: 'soon'. Repair these rows, or correct data.time."
    ) in answer
    data = DATA.model_copy(update={"group": ("part", "day")})
    assert "Group 'part', 'day' is missing in 1 of 3 rows. Fill it, or correct data.group." in unplaced(
        rows, {"method": "group"}, data
    )


def test_strata_have_shares_and_a_stratum_without_rows_in_a_split_is_named(spark):
    rows = spark.range(3000).select(
        F.xxhash64("id").alias(ROW_ID),
        F.xxhash64("id").alias(ROW_HASH),
        F.when(F.col("id") < 4, "rare").otherwise("usual").alias("part"),
        (F.col("id") / 7).alias("number"),
    )
    split = resolved(rows, {"method": "stratified", "by": ["part", "number"], "bins": 2}, UNGROUPED)
    assert resolved(rows, {"method": "stratified"}, UNGROUPED).strata == (("number", "number"),)
    counts = count_strata(with_split(rows, split, seed=0), split.strata, SPLIT, parts=3, bins=split.bins)
    assert list(counts) == [
        "part = 'rare', number < 214.143",
        "part = 'usual', number < 214.143",
        "part = 'usual', number >= 214.143",
    ]
    rare, *usual = counts.values()
    assert sum(rare) == 4
    for found in usual:
        assert np.array(found) / sum(found) == pytest.approx([0.8, 0.1, 0.1], abs=0.04)
    problems = strata_problems(counts, dict(enumerate(split.wanted)))
    assert [str(problem) for problem in problems] == [
        f"Stratum part = 'rare', number < 214.143 has 4 rows, and none in {missing_of(rare)}. "
        "Give more rows of it, join it with another, take larger shares, or try another seed."
    ]


def missing_of(counts: tuple[int, ...]) -> str:
    return ", ".join(name for name, count in zip(("train", "validation", "test"), counts, strict=True) if not count)
