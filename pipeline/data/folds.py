"""Folds of a cross-validation, as columns of integers, and what they say of a row.

    hash, stratified, group   fold_column(r): the fold of repeat r that the row is validated in
    leave_one_group_out       fold_column(0): the place of the row's group in the sorted groups
    time                      fold_column(0): the row's period less (1 + gap); negative in periods before all validation
    bootstrap                 fold_column(f): how often fold f drew the row

    group_column(number)      each of these columns with what a training ends by, see `divisions`

Folds are numbered 0, 1, ... through all repeats. As for the splits, each row decides for itself by hashes (or by its
time or its group), so that nothing depends on other rows; for the bootstrap this means that the number of draws of
a row is Poisson distributed with mean 1, the limit of drawing n of n rows with replacement (Oza and Russell, Online
bagging and boosting, 2001), and that fold sizes vary a little.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.config.data import DataConfig
from pipeline.config.moment import place_of
from pipeline.config.split import MAX_FOLDS, FoldConfig, FoldMethod
from pipeline.contract.columns import ROW_ID
from pipeline.data.division import Division, Fold
from pipeline.data.moment import MOMENT, TimeColumn, find_cuts, open_time, with_moment
from pipeline.data.split import (
    GROUP_ID,
    SPLIT,
    TRAIN,
    VALIDATION,
    salted,
    text_of_column,
    uniform,
    with_group,
)
from pipeline.errors import DataError, Problem
from pipeline.store.layout import fold_folder

log = logging.getLogger(__name__)

FoldUse = Literal["measure", "choose", "nested"]

INNER = "inner"
"""In the names of folds that choose, behind the name of the fold whose training rows they are of."""

FOLD = "__fold"
OTHERS = -2
"""Groups from here on downwards take no part; -1 is left for rows without one."""
_MOST_DRAWS = 17
"""More draws of one row are less likely than 1e-16, which is finer than a double in [0, 1) can tell."""


@dataclass(frozen=True)
class FoldPlan:
    """How rows are divided into folds, with everything known that the data had to be asked for.

    Attributes:
        method: what decides.
        folds: of one repeat.
        repeats: how often the rows are divided anew.
        groups: safe columns and names of data.group; rows of one group stay together.
        strata: safe columns and names of crossval.by.
        bins: intervals of a number in `strata`.
        time: the time column, where it decides.
        borders: between the periods, on the axis of time, ascending.
        window: how many periods are trained on at most; None for all.
        gap: how many periods between training and validation are left out.
        members: of `leave_one_group_out`: each group's parts of its name, sorted.
    """

    method: FoldMethod
    folds: int
    repeats: int = 1
    groups: tuple[tuple[str, str], ...] = ()
    strata: tuple[tuple[str, str], ...] = ()
    bins: int = 10
    time: TimeColumn | None = None
    borders: tuple[float, ...] = ()
    window: int | None = None
    gap: int = 0
    members: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    @property
    def count(self) -> int:
        """Folds of all repeats together."""
        return self.folds * self.repeats

    @property
    def divisions(self) -> int:
        """How often all rows are divided."""
        return self.folds if self.method == "bootstrap" else self.repeats

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `with_folds` adds."""
        return tuple(fold_column(i) for i in range(self.divisions))


def fold_column(number: int) -> str:
    """The column of a repeat, or of a fold of the bootstrap."""
    return f"{FOLD}_{number}" if number else FOLD


def resolve_folds(config: FoldConfig, data: DataConfig, columns: Mapping[str, str], rows: DataFrame) -> FoldPlan:
    """Find what a division needs to know; runs queries for borders between periods and for the list of groups.

    Args:
        config: the division.
        data: the roles of columns.
        columns: the safe column of each that `needed_columns` names, with its raw values.
        rows: that are to be divided; without the test split.

    Raises:
        ConfigError: the borders do not fit the time column.
        DataError: there are too few times or groups, or too many groups.
    """
    groups = tuple((columns[name], name) for name in data.group)
    plan = FoldPlan(config.method, config.folds, config.repeats, groups, bins=config.bins)
    match config.method:
        case "stratified":
            return replace(plan, strata=tuple((columns[name], name) for name in config.by or (data.label,)))
        case "time":
            assert data.time is not None
            time = open_time(rows, columns[data.time], data.time, given=config.borders)
            borders = tuple(place_of(border) for border in config.borders) or _equal_periods(config, rows, time)
            return replace(plan, time=time, borders=borders, window=config.window, gap=config.gap)
        case "leave_one_group_out":
            members = _members(rows, plan)
            return replace(plan, folds=len(members), members=members)
    return plan


def with_folds(rows: DataFrame, plan: FoldPlan, seed: int) -> DataFrame:
    """Add the int columns `plan.columns`, null where a row lacks its group or its time; and `MOMENT` or `GROUP_ID`.

    Args:
        rows: with `ROW_ID` and the columns of the plan.
        plan: what decides.
        seed: mixed into every hash.
    """
    if plan.time:
        period = _period_of(F.col(MOMENT), plan)
        return with_moment(rows, plan.time).withColumn(FOLD, period - F.lit(1 + plan.gap))
    if plan.method == "leave_one_group_out":
        return rows.withColumn(FOLD, _place_among(rows, plan))
    unit = F.col(GROUP_ID if plan.groups else ROW_ID)
    folds = {name: _drawn_or_dealt(plan, i, seed, unit) for i, name in enumerate(plan.columns)}
    known = {name: F.when(unit.isNotNull(), fold) for name, fold in folds.items()}
    return with_group(rows, plan.groups).withColumns(known)


def with_groups(rows: DataFrame, plan: FoldPlan, seed: int, validation: float) -> DataFrame:
    """Add the int columns `group_column`: of each row in training or validation its group in each division.

    Args:
        rows: from `with_folds`, with `SPLIT`.
        plan: what decides.
        seed: mixed into every hash.
        validation: the share of rows by which trainings end, of those that a fold trains on.
    """
    unit = F.col(GROUP_ID if plan.groups else ROW_ID)
    ends = (uniform(salted("fold validation", seed, unit)) < F.lit(validation)).cast("int")
    other = F.lit(OTHERS) - F.col(SPLIT)
    parts = {group_column(number): _part(plan, number) * F.lit(2) + ends for number in range(plan.divisions)}
    return rows.withColumns({name: F.when(is_divided(), group).otherwise(other) for name, group in parts.items()})


def is_divided() -> Column:
    """Boolean: whether a row is one that folds are made of, by its split."""
    return F.col(SPLIT).isin(TRAIN, VALIDATION)


def group_column(number: int) -> str:
    """The column of groups of a division: of a repeat, or of a fold of the bootstrap."""
    return f"__group_{number}"


def group_of_split(split: int) -> int:
    """The group of rows that take no part: in a test split, left out, or bad."""
    return OTHERS - split


def divisions(plan: FoldPlan, use: FoldUse = "measure") -> tuple[Division, ...]:
    """What the groups are to the folds: each division has all folds of a repeat, or one of the bootstrap.

    A part of the rows is two groups: rows that are trained on, or, twice the part plus one, that a training ends by
    wherever the others are trained on.

    Args:
        plan: what decides.
        use: `measure`: each fold trains, ends its training by rows of its own, and is measured on its part. `choose`:
            it trains on all rows of the other parts, and its own part, as validation rows, tells settings apart.
            `nested`: the folds of `measure`, and behind each one, of its training rows alone, folds to choose by.
    """
    folds = 1 if plan.method == "bootstrap" else plan.folds
    return tuple(
        Division(
            group_column(number),
            tuple(
                fold
                for place, parts in enumerate(_parts(plan))
                for fold in _folds(plan, use, fold_folder(number * folds + place), *parts)
            ),
        )
        for number in range(plan.divisions)
    )


def fold_problems(folds: Sequence[tuple[Fold, Mapping[str, int]]], undecided: int) -> list[Problem]:
    """What is wrong with the folds: rows in none, and folds with nothing to train on or to be measured on.

    Args:
        folds: each with its rows by split.
        undecided: rows without the group or the time that decides.
    """
    problems = []
    if undecided:
        remedy = "Repair these rows, or correct data.group or data.time"
        problems.append(Problem(f"{undecided} rows lack the group or time of the folds", remedy=remedy))
    for use in ("train on", "be measured on"):
        for fold, rows in folds:
            measured = "test" if fold.test else "validation"
            if not rows["train" if use == "train on" else measured]:
                remedy = "Give more rows, or take fewer folds"
                problems.append(Problem(f"{fold.name} has no row to {use}", remedy=remedy))
    return problems


def draws(unit: Column) -> Column:
    """Int: the number of draws, Poisson distributed with mean 1, by the inverse of its distribution function.

    Args:
        unit: uniform in [0, 1).
    """
    below, chance = 0.0, math.exp(-1.0)
    chosen = F.when(F.lit(False), F.lit(0))
    for count in range(_MOST_DRAWS):
        below += chance / math.factorial(count)
        chosen = chosen.when(unit < F.lit(below), F.lit(count))
    return chosen.otherwise(F.lit(_MOST_DRAWS))


def _part(plan: FoldPlan, number: int) -> Column:
    """Int: of the time the period, of the bootstrap how often the row was drawn, else the fold."""
    part = F.col(fold_column(number))
    return part + F.lit(1 + plan.gap) if plan.time else part


def _parts(plan: FoldPlan) -> Iterator[tuple[Mapping[int, int], int]]:
    """Of each fold of a division the parts that are trained on, with how often, and the one that is measured on."""
    if plan.method == "bootstrap":
        yield {draws: draws for draws in range(1, _MOST_DRAWS + 1)}, 0
        return
    for fold in range(plan.folds):
        if plan.time:
            first = 0 if plan.window is None else max(fold + 1 - plan.window, 0)
            yield dict.fromkeys(range(first, fold + 1), 1), fold + 1 + plan.gap
        else:
            yield {part: 1 for part in range(plan.folds) if part != fold}, fold


def _folds(plan: FoldPlan, use: FoldUse, name: str, trained: Mapping[int, int], measured: int) -> Iterator[Fold]:
    if use == "choose":
        yield _choosing(name, trained, measured)
        return
    ends = tuple(2 * part + 1 for part in trained)
    train = {2 * part: times for part, times in trained.items()}
    yield Fold(train, ends, (2 * measured, 2 * measured + 1), name)
    if use == "nested":
        inner = [*_inner(plan, trained)]
        for number, parts in enumerate(inner):
            yield _choosing(f"{name}-{INNER}-{number}", *parts)
        if not inner:
            yield Fold(train, ends, (), f"{name}-{INNER}-0")


def _choosing(name: str, trained: Mapping[int, int], measured: int) -> Fold:
    train = {group: times for part, times in trained.items() for group in (2 * part, 2 * part + 1)}
    return Fold(train, (2 * measured, 2 * measured + 1), (), name)


def _inner(plan: FoldPlan, trained: Mapping[int, int]) -> Iterator[tuple[Mapping[int, int], int]]:
    """Folds among the parts that a fold trains on; none where these are too few, or drawn by a bootstrap."""
    if plan.method == "bootstrap":
        return
    for measured in trained:
        others = [part for part in trained if (part < measured - plan.gap if plan.time else part != measured)]
        if others:
            yield dict.fromkeys(others, 1), measured


def _drawn_or_dealt(plan: FoldPlan, number: int, seed: int, unit: Column) -> Column:
    """Int: how often fold `number` of the bootstrap drew the unit, or the unit's fold in repeat `number`."""
    if plan.method == "bootstrap":
        return draws(uniform(salted(f"bootstrap {number}", seed, unit)))
    return F.pmod(salted(f"fold {number}", seed, unit), F.lit(plan.folds)).cast("int")


def _period_of(moment: Column, plan: FoldPlan) -> Column:
    """Int: how many borders are not later than the moment; null for null."""
    period = F.when(moment.isNull(), F.lit(None).cast("int"))
    for index, border in enumerate(plan.borders):
        period = period.when(moment < F.lit(border), F.lit(index))
    return period.otherwise(F.lit(len(plan.borders)))


def _equal_periods(config: FoldConfig, rows: DataFrame, time: TimeColumn) -> tuple[float, ...]:
    periods = config.folds + config.gap + 1
    borders, unit = find_cuts(rows, time, [index / periods for index in range(1, periods)])
    log.warning(
        "The periods of the folds begin at %s, found from the rows to %s. They move when rows are added; "
        "set crossval.borders to keep them.",
        ", ".join(time.text(border) for border in borders),
        unit,
    )
    return borders


def _members(rows: DataFrame, plan: FoldPlan) -> tuple[tuple[str, ...], ...]:
    texts = [text_of_column(rows, column).alias(column) for column, _ in plan.groups]
    found = rows.select(*texts).dropna().distinct().limit(MAX_FOLDS + 1).collect()
    names = ", ".join(f"'{name}'" for _, name in plan.groups)
    if not 2 <= len(found) <= MAX_FOLDS:
        shown = f"more than {MAX_FOLDS}" if len(found) > MAX_FOLDS else str(len(found))
        problem = Problem(
            f"data.group ({names}) has {shown} different values",
            f"2 to {MAX_FOLDS} for method: leave_one_group_out",
            remedy="Use method: group",
        )
        raise DataError(str(problem))
    return tuple(sorted(tuple(row) for row in found))


def _place_among(rows: DataFrame, plan: FoldPlan) -> Column:
    """Int: the place of the row's group in `plan.members`; null where it is not there."""
    group = F.array(*(text_of_column(rows, column) for column, _ in plan.groups))
    known = F.array(*(F.array(*(F.lit(part) for part in member)) for member in plan.members))
    place = F.array_position(known, group).cast("int")
    return F.when(place > F.lit(0), place - F.lit(1))
