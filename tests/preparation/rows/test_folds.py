"""Folds: each row is validated once, groups are whole, nothing is trained on its future, draws are Poisson's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.config.split import FoldConfig
from pipeline.errors import DataError
from pipeline.preparation.planning.resolve_folds import resolve_folds
from pipeline.preparation.rows.fold_placement import FoldPlacement, FoldPlan, group_column, group_of_split
from pipeline.preparation.rows.folds import INNER, assignments, fold_problems
from pipeline.preparation.rows.split import TEST, ResolvedSplit
from pipeline.preparation.rows.timestamps import TimeColumn
from pipeline.store.layout import SPLITS
from tests.support.rows import batch_of, data_of, program_of, table_of

ROWS = 3000
DATA = data_of(key="row", group="g", time="t")
UNGROUPED = DATA.model_copy(update={"group": ()})
EVERY_ROW = ResolvedSplit("column", column="s", values=(("train",), (), ("test",)))
CONFIGS = {
    "hash": {"folds": 4, "repeats": 2},
    "stratified": {"method": "stratified", "folds": 4},
    "group": {"method": "group", "folds": 3},
    "leave_one_group_out": {"method": "leave_one_group_out"},
    "expanding": {"method": "time", "folds": 3},
    "sliding": {"method": "time", "folds": 3, "window": 2, "gap": 1, "borders": [100, 200, 300, 400]},
    "bootstrap": {"method": "bootstrap", "folds": 3},
}


def rows_from(first: int, split: str = "train") -> pd.DataFrame:
    """Groups g0 to g9, times 0 to 499, each label about as often."""
    row = np.arange(first, first + ROWS)
    label = np.random.default_rng(first).integers(0, 3, ROWS)
    return pd.DataFrame({"row": row, "g": [f"g{i % 10}" for i in row], "t": row % 500, "y": label, "s": split})


def data_for(name: str):
    return DATA if name in ("group", "leave_one_group_out") else UNGROUPED


def plans(frame: pd.DataFrame) -> dict[str, FoldPlan]:
    return {
        name: resolve_folds(FoldConfig(**content), data_for(name), table_of(frame, data_for(name), EVERY_ROW))
        for name, content in CONFIGS.items()
    }


def groups_of(
    frame: pd.DataFrame, name: str, plan: FoldPlan, validation: float, seed: int = 5
) -> dict[str, np.ndarray]:
    """The group of each row in each division."""
    batch = batch_of(frame)
    folds = FoldPlacement(plan, seed, validation)
    return program_of(batch.schema, data_for(name), EVERY_ROW, folds=folds).rows(batch).placement.folds


def divided(frame: pd.DataFrame, found: dict[str, FoldPlan], validation: float = 0.0) -> pd.DataFrame:
    """All folds of all plans: columns `plan train fold`, `plan validation fold` and `plan test fold`."""
    groups = frame.copy()
    for name, plan in found.items():
        columns = groups_of(frame, name, plan, validation)
        for number in range(plan.assignments):
            groups[f"{name} {number}"] = columns[group_column(number)]
    groups = groups.sort_values("row", ignore_index=True)
    answer = {name: groups[name] for name in ("row", "g", "t", "y")}
    for name, plan in found.items():
        folds = [(number, fold) for number, assignment in enumerate(assignments(plan)) for fold in assignment.folds]
        assert len(folds) == plan.count
        for place, (number, fold) in enumerate(folds):
            for split, use in enumerate(SPLITS):
                times = {group: times for group, (own, times) in fold.roles.items() if own == split}
                answer[f"{name} {use} {place}"] = groups[f"{name} {number}"].map(times).fillna(0).astype(int)
    return pd.DataFrame(answer)


@pytest.fixture(scope="module")
def found() -> dict[str, FoldPlan]:
    return plans(rows_from(0))


@pytest.fixture(scope="module")
def folds(found) -> pd.DataFrame:
    return divided(rows_from(0), found)


def of(folds: pd.DataFrame, name: str, what: str, repeat: range) -> np.ndarray:
    return np.stack([folds[f"{name} {what} {fold}"].to_numpy() for fold in repeat], axis=1)


@pytest.mark.parametrize(
    ("name", "repeat"),
    [
        ("hash", range(4)),
        ("hash", range(4, 8)),
        ("stratified", range(4)),
        ("group", range(3)),
        ("leave_one_group_out", range(10)),
    ],
)
def test_each_row_is_measured_on_once_and_trained_on_in_all_other_folds(folds, name, repeat):
    test, train = of(folds, name, "test", repeat), of(folds, name, "train", repeat)
    assert (test.sum(axis=1) == 1).all()
    assert (train == 1 - test).all()
    assert test.any(axis=0).all()


def test_repeats_are_independent_and_folds_even(folds):
    first, second = (of(folds, "hash", "test", repeat) for repeat in (range(4), range(4, 8)))
    assert first.mean(axis=0) == pytest.approx([0.25] * 4, abs=0.04)
    assert (first & second).sum() / ROWS == pytest.approx(0.25, abs=0.04)


def test_groups_are_whole(folds, found):
    for name in ("group", "leave_one_group_out"):
        test = of(folds, name, "test", range(found[name].count))
        assert (pd.DataFrame(test).groupby(folds.g).nunique() == 1).all(axis=None)
    alone = of(folds, "leave_one_group_out", "test", range(10)).argmax(axis=1)
    assert (folds.g == "g" + pd.Series(alone.astype(str))).all()


@pytest.mark.parametrize(
    ("name", "windows"),
    [
        ("expanding", [((0, 124), (125, 249)), ((0, 249), (250, 374)), ((0, 374), (375, 499))]),
        ("sliding", [((0, 99), (200, 299)), ((0, 199), (300, 399)), ((100, 299), (400, 499))]),
    ],
)
def test_nothing_is_trained_on_its_future(folds, found, name, windows):
    assert found[name].count == 3
    for fold, ends in enumerate(windows):
        uses = [folds.t[folds[f"{name} {what} {fold}"] > 0] for what in ("train", "test")]
        assert [(use.min(), use.max()) for use in uses] == list(ends)
        assert [use.nunique() for use in uses] == [high - low + 1 for low, high in ends]


def test_draws_are_poissons_and_what_is_not_drawn_is_measured_on(folds):
    weight, test = (of(folds, "bootstrap", what, range(3)) for what in ("train", "test"))
    assert ((weight == 0) == (test == 1)).all()
    shares = np.bincount(weight.ravel(), minlength=5)[:5] / weight.size
    assert shares == pytest.approx(np.exp(-1) / np.array([1, 1, 2, 6, 24]), abs=0.02)
    assert weight.mean() == pytest.approx(1.0, abs=0.04)
    assert weight.var() == pytest.approx(1.0, abs=0.08)
    assert abs(np.corrcoef(weight.T)[0, 1]) < 0.06


def test_order_and_more_rows_change_nothing(folds, found):
    more = pd.concat([rows_from(ROWS), rows_from(0)]).sample(frac=1.0, random_state=1)
    again = divided(more, found)
    assert again[:ROWS].to_numpy().tolist() == folds.to_numpy().tolist()


def test_the_bootstrap_draws_groups_as_a_whole():
    frame = rows_from(0)
    plan = resolve_folds(FoldConfig(method="bootstrap", folds=2), DATA, table_of(frame, DATA, EVERY_ROW))
    drawn = pd.DataFrame({"g": frame.g, **groups_of(frame, "group", plan, 0.0)}).drop_duplicates()
    assert len(drawn) == 10


def test_a_training_ends_by_some_of_the_rows_that_it_would_train_on(folds, found):
    ended = divided(rows_from(0), found, validation=0.25)
    for name, plan in found.items():
        fold = range(plan.count)
        train, ends, test = (of(ended, name, use, fold) for use in SPLITS)
        whole = of(folds, name, "train", fold)
        assert (np.where(ends == 1, whole, train) == whole).all()
        assert not ((ends == 1) & ((train > 0) | (whole == 0))).any()
        assert (test == of(folds, name, "test", fold)).all()
        if "group" not in name:
            assert ends.sum() / (whole > 0).sum() == pytest.approx(0.25, abs=0.04)
    groups = of(ended, "group", "validation", range(3)).max(axis=1)
    assert (pd.Series(groups).groupby(ended.g).nunique() <= 2).all()
    assert 0 < groups.sum() < ROWS


def test_rows_of_the_test_split_take_no_part(found):
    groups = groups_of(rows_from(0, "test"), "hash", found["hash"], 0.1)
    assert {column: set(group.tolist()) for column, group in groups.items()} == {
        group_column(number): {group_of_split(TEST)} for number in (0, 1)
    }


def test_folds_without_rows_and_rows_without_a_group_are_named():
    folds = assignments(FoldPlan("hash", 2))[0].folds
    splits = [{"train": 0, "validation": 0, "test": 2}, {"train": 2, "validation": 0, "test": 0}]
    assert [str(problem) for problem in fold_problems([*zip(folds, splits, strict=True)], undecided=1)] == [
        "1 rows lack the group or time of the folds. Repair these rows, or correct data.group or data.time.",
        "fold-0 has no row to train on. Give more rows, or take fewer folds.",
        "fold-1 has no row to be evaluated on. Give more rows, or take fewer folds.",
    ]


def parts_of(groups) -> set[int]:
    return {group // 2 for group in groups}


def test_folds_that_choose_never_see_the_rows_that_their_fold_is_measured_on():
    for plan in (FoldPlan("hash", 4), FoldPlan("time", 3, time=TimeColumn("t", dated=False), gap=1)):
        (assignment,) = assignments(plan, "nested")
        outer = {fold.name: fold for fold in assignment.folds if INNER not in fold.name}
        assert [*outer.values()] == [*assignments(plan)[0].folds]
        for name, fold in outer.items():
            inner = [other for other in assignment.folds if other.name.startswith(f"{name}-{INNER}-")]
            assert inner
            for other in inner:
                assert not other.test
                assert parts_of(other.roles) <= parts_of(fold.train)
                assert not parts_of(other.roles) & parts_of(fold.test)
                assert parts_of(other.train) < parts_of(other.roles) or plan.time
                if plan.time and len(inner) > 1:
                    assert max(parts_of(other.train)) < min(parts_of(other.validation)) - plan.gap
        if not plan.time:
            assert len(assignment.folds) == 4 + 4 * 3


def test_to_choose_settings_each_part_is_the_validation_rows_of_a_fold():
    (assignment,) = assignments(FoldPlan("hash", 3), "choose")
    for number, fold in enumerate(assignment.folds):
        assert (fold.name, fold.test, parts_of(fold.validation)) == (f"fold-{number}", (), {number})
        assert sorted((*fold.train, *fold.validation)) == [0, 1, 2, 3, 4, 5]


def test_one_group_cannot_be_left_out():
    frame = rows_from(0)
    table = table_of(frame[frame.g == "g1"], DATA, EVERY_ROW)
    with pytest.raises(DataError) as raised:
        resolve_folds(FoldConfig(method="leave_one_group_out"), DATA, table)
    assert str(raised.value) == (
        "data.group ('g') has 1 different values. Allowed: 2 to 1000 for method: leave_one_group_out. "
        "Use method: group."
    )
