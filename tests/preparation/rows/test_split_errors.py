"""A row's split, shard and place depend on nothing but its own values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.config.split import SplitConfig, SplitFractions
from pipeline.errors import ConfigError, DataError, PipelineError
from pipeline.preparation.planning.resolve_split import resolve_split
from pipeline.preparation.reading.raw import RawColumns, RawTable
from pipeline.preparation.rows.row_errors import bad_rows_error
from pipeline.preparation.rows.split import LEFT_OUT, NOWHERE, ResolvedSplit, group_of, order_of, shard_of, split_of
from pipeline.preparation.rows.split_errors import find_split_errors
from pipeline.preparation.statistics.strata import count_strata, strata_problems
from tests.support.rows import batch_of, data_of, local_scan, program_of, table_of


def by_hash(rows: int, seed: int, **fractions: float) -> np.ndarray:
    """The split of rows with ids of their own."""
    split = ResolvedSplit("hash", SplitFractions(**fractions))
    return split_of(None, split, seed=seed, row_id=np.arange(rows), timestamp=None, group=None)


def test_shares_are_as_configured_and_shards_independent_of_them():
    split, shard = by_hash(20_000, 3, train=0.7, validation=0.1, test=0.2), shard_of(3, np.arange(20_000))
    assert np.bincount(split) / 20_000 == pytest.approx([0.7, 0.1, 0.2], abs=0.012)
    train = np.bincount(shard[split == 0])
    assert len(train) == 16
    # 875 expected; five deviations of a binomial count.
    assert (np.abs(train - 875) < 150).all()


def test_test_rows_stay_when_the_validation_share_changes():
    wide = by_hash(5000, 0, train=0.5, validation=0.3, test=0.2)
    none = by_hash(5000, 0, train=0.8, validation=0.0, test=0.2)
    assert ((none == 2) == (wide == 2)).all()
    assert sorted(set(none.tolist())) == [0, 2]


def test_order_is_no_function_of_the_row_id_order():
    order = pd.Series(order_of(0, np.arange(1000))).rank()
    assert abs(order.corr(pd.Series(np.arange(1000)))) < 0.12


# Every method, on one table.
NAMES = ("number", "group", "day", "moment", "part")
DATA = data_of(label="number", key="number", group="group", time="day")
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


def raw_of(frame: pd.DataFrame | pa.Table) -> RawTable:
    schema = batch_of(frame).schema
    return RawTable(RawColumns(tuple(schema.names), {f.name: f.type for f in schema}), local_scan(frame))


def resolved(frame: pd.DataFrame | pa.Table, content: dict, data=DATA) -> ResolvedSplit:
    return resolve_split(SplitConfig(**content), data, raw_of(frame))


def places(frame: pd.DataFrame) -> pd.DataFrame:
    """The split of each row by each method, in the order of `number`."""
    batch = batch_of(frame)
    for method, content in CONFIGS.items():
        data = DATA if method == "group" else UNGROUPED
        program = program_of(batch.schema, data, resolved(frame, content, data), seed=7)
        frame = frame.assign(**{f"by_{method}": program.rows(batch).placement.split})
    return frame.sort_values("number", ignore_index=True)


@pytest.fixture(scope="module")
def placed(table) -> pd.DataFrame:
    return places(table)


@pytest.mark.parametrize("method", CONFIGS)
def test_every_method_makes_three_splits(placed, method):
    assert {0, 1, 2} <= set(placed[f"by_{method}"])


def test_order_other_columns_and_more_rows_change_nothing(table, placed):
    more = table.assign(number=table.number + 1000, day="2024-12-31", group="new", part="c")
    changed = pd.concat([more, table]).sample(frac=1.0, random_state=3).assign(unrelated="x")
    again = places(changed[["unrelated", *reversed(NAMES)]])
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


def test_shares_by_time_come_close_and_are_told(table, caplog):
    content = {"method": "time", "fractions": {"train": 0.5, "validation": 0.25, "test": 0.25}}
    split = resolved(table, content, UNGROUPED)
    assert split == resolved(table.sample(frac=1.0, random_state=1), content, UNGROUPED)
    batch = batch_of(table)
    found = program_of(batch.schema, UNGROUPED, split).rows(batch).placement.split
    assert np.bincount(found) / len(table) == pytest.approx([0.5, 0.25, 0.25], abs=0.03)
    begun = " and ".join(split.time.text(cut) for _, cut in split.cuts)
    assert f"cut at {begun}, found in the rows with a precision of 1 hour" in caplog.text
    assert "set split.validation_from and split.test_from to keep them" in caplog.text


def test_numbers_divide_by_time_too():
    rows = pd.DataFrame({"day": np.arange(1000)})
    split = resolved(rows, {"method": "time", "fractions": {"train": 0.8, "validation": 0.0, "test": 0.2}})
    assert split.cuts == ((2, 800.0),)
    assert split.wanted == ("train", "test")


def days(*values: object, kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"day": pa.array(values, kind)})


def message_of(error: type[PipelineError], action) -> str:
    with pytest.raises(error) as raised:
        action()
    return str(raised.value)


def test_cuts_that_do_not_fit_the_time_column_are_named():
    by_date, by_number = {"method": "time", "test_from": "2024-01-01"}, {"method": "time", "gap": 7}
    answer = message_of(ConfigError, lambda: resolved(days(5), by_date))
    assert answer == (
        "Column 'day' (data.time) holds numbers. Allowed: numbers. Received: 2024-01-01. "
        "Write the cuts and the gap of the split in the same form."
    )
    answer = message_of(ConfigError, lambda: resolved(days(19_723, kind=pa.date32()), by_number))
    assert "holds dates. Allowed: dates like 2024-06-30, and lengths like 7d. Received: 7.0." in answer


def test_a_time_column_without_time_is_named():
    by_time = {"method": "time"}
    assert message_of(DataError, lambda: resolved(days(True), by_time)) == (
        "Column 'day' (data.time) has no usable type. Allowed: dates, times, numbers, or texts that hold them. "
        "Received: bool."
    )
    answer = message_of(DataError, lambda: resolved(days(None, kind=pa.string()), by_time))
    assert "has no time in any row" in answer
    assert message_of(DataError, lambda: resolved(days(1, 2), by_time)) == (
        "Column 'day' (data.time) has 2 different times, too few for 2 cuts. Give more rows, or divide them otherwise."
    )


def split_errors_of(frame: pa.Table, content: dict, data=UNGROUPED) -> str:
    """What is said of rows that have no place."""
    data = data.model_copy(update={"label": "part", "key": ()})
    split = resolved(frame, content, data)
    table, row_errors = table_of(frame, data, split), tuple(find_split_errors(split))
    rows = table.program.inputs.rows(batch_of(frame))
    timestamp = split.time.timestamps(rows.raw["day"]) if split.time else None
    found = split_of(
        rows, split, seed=0, row_id=np.arange(rows.count), timestamp=timestamp, group=group_of(rows, split.groups)
    )
    nowhere = found == NOWHERE
    assert (nowhere == np.logical_or.reduce([row_error.condition(rows) for row_error in row_errors])).all()
    assert nowhere.any()
    bad = int(nowhere.sum())
    return str(bad_rows_error(table.scan, table.program.inputs, row_errors, total=len(frame), bad=bad, allowed=0))


def test_rows_that_belong_nowhere_are_named():
    rows = pa.table({"part": ["a", "x", None], "day": ["2024-01-01", "soon", None]})
    answer = split_errors_of(rows, CONFIGS["column"])
    assert (
        "- Column 'part' (split.column) is missing in 1 of 3 rows. Fill it, or correct split.column.\n"
        "  - Column 'part' (split.column) has a value that split.values does not name in 1 of 3 rows. "
        "Allowed: a, b, c, 1. Received: 'x'. Name the value under split.values, or repair these rows."
    ) in answer
    answer = split_errors_of(rows, {"method": "time", "test_from": "2024-01-01"})
    assert "Column 'day' (data.time) is missing in 1 of 3 rows. Fill it, or correct data.time." in answer
    assert (
        "Column 'day' (data.time) is no time in 1 of 3 rows. Allowed: a date or time like 2024-06-30T12:00:00. "
        "Received: 'soon'. Repair these rows (dates begin with the year), or correct data.time."
    ) in answer
    data = DATA.model_copy(update={"group": ("part", "day")})
    assert "Group 'part', 'day' is missing in 1 of 3 rows. Fill it, or correct data.group." in split_errors_of(
        rows, {"method": "group"}, data
    )


def test_strata_have_shares_and_a_stratum_without_rows_in_a_split_is_named():
    ids = np.arange(3000)
    frame = pd.DataFrame({"part": np.where(ids < 4, "rare", "usual"), "number": ids / 7})
    data = UNGROUPED.model_copy(update={"key": ()})
    split = resolved(frame, {"method": "stratified", "by": ["part", "number"], "bins": 2}, data)
    assert resolved(frame, {"method": "stratified"}, data).strata == ("number",)
    table = table_of(frame, data, split)
    counts = count_strata(table, split.strata, lambda rows: rows.placement.split, parts=3, bins=split.bins)
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
