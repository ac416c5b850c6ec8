"""Folds of a cross-validation, as integers of each row, and what they say of it.

    hash, stratified, group   division r:     the fold of repeat r that the row is validated in
    leave_one_group_out       division 0:     the place of the row's group in the sorted groups
    time                      division 0:     the period that the row's time is in
    bootstrap                 division f:     how often fold f drew the row

    group_column(number)      each of these columns with what a training ends by, see `divisions`

Folds are numbered 0, 1, ... through all repeats. As for the splits, each row decides for itself by hashes (or by its
time or its group), so that nothing depends on other rows; for the bootstrap this means that the number of draws of
a row is Poisson distributed with mean 1, the limit of drawing n of n rows with replacement (Oza and Russell, Online
bagging and boosting, 2001), and that fold sizes vary a little.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.hashing import salted, uniform
from pipeline.arrays.masks import Mask, valid_of
from pipeline.config.data import DataConfig
from pipeline.config.moment import place_of
from pipeline.config.split import MAX_FOLDS, FoldConfig, FoldMethod
from pipeline.errors import DataError, Problem
from pipeline.preparation.reading.scan import Batches, Parts
from pipeline.preparation.rows.fold_roles import Division, Fold
from pipeline.preparation.rows.split import TRAIN, VALIDATION, group_of
from pipeline.preparation.rows.timestamps import TimeColumn, find_cuts, open_time
from pipeline.preparation.rows.typed_rows import Hashes, Places, Rows, TypedRows
from pipeline.store.layout import fold_folder

if TYPE_CHECKING:
    from pipeline.preparation.rows.table import Table

log = logging.getLogger(__name__)

Integers = npt.NDArray[np.int64]

FoldUse = Literal["measure", "choose", "nested"]

INNER = "inner"
"""In the names of folds that choose, behind the name of the fold whose training rows they are of."""

OTHERS = -2
"""Groups from here on downwards take no part; -1 is left for rows without one."""
UNDECIDED = -1
_FAR = 1 << 20
_MOST_DRAWS = 17
"""More draws of one row are less likely than 1e-16, which is finer than a double in [0, 1) can tell."""


@dataclass(frozen=True)
class FoldPlan:
    """How rows are divided into folds, with everything known that the data had to be asked for.

    Attributes:
        method: what decides.
        folds: of one repeat.
        repeats: how often the rows are divided anew.
        groups: names of data.group; rows of one group stay together.
        strata: names of crossval.by.
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
    groups: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
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


def resolve_folds(config: FoldConfig, data: DataConfig, table: Table) -> FoldPlan:
    """Find what a division needs to know; runs queries for borders between periods and for the list of groups.

    Args:
        config: the division.
        data: the roles of columns.
        table: whose training and validation rows are to be divided.

    Raises:
        ConfigError: the borders do not fit the time column.
        DataError: there are too few times or groups, or too many groups.
    """
    plan = FoldPlan(config.method, config.folds, config.repeats, data.group, bins=config.bins)
    match config.method:
        case "stratified":
            return replace(plan, strata=config.by or (data.label,))
        case "time":
            assert data.time is not None
            time = _open_time(config, table, data.time)
            borders = tuple(place_of(border) for border in config.borders) or _equal_periods(config, table, time)
            return replace(plan, time=time, borders=borders, window=config.window, gap=config.gap)
        case "leave_one_group_out":
            members = _members(table, plan)
            return replace(plan, folds=len(members), members=members)
    return plan


@dataclass(frozen=True)
class FoldPlacement:
    """What decides the groups of a row; plain data, which goes to the tasks.

    Attributes:
        plan: how rows are divided.
        seed: mixed into every hash.
        validation: the share of rows by which trainings end, of those that a fold trains on.
    """

    plan: FoldPlan
    seed: int
    validation: float

    def placed(self, rows: Rows) -> Places:
        """With the group of each row in each division: `UNDECIDED` where it lacks its group or its time."""
        plan, places = self.plan, rows.places
        moment = plan.time.moments(rows.typed.raw[plan.time.name]) if plan.time else places.moment
        group = group_of(rows.typed, plan.groups) if plan.groups else places.group
        unit = pa.array(places.row_id) if group is None or not plan.groups else group
        hashes = unit.fill_null(0).to_numpy()
        known = np.ones(rows.count, bool) if plan.time else valid_of(unit)
        ends = uniform(salted("fold validation", self.seed, hashes)) < self.validation
        folds = {}
        for number in range(plan.divisions):
            part = self._part(rows.typed, number, hashes, moment)
            inside = np.where(known & (part > -_FAR), part * 2 + ends, UNDECIDED)
            folds[group_column(number)] = np.where(is_divided(places), inside, OTHERS - places.split).astype(np.int32)
        return replace(places, moment=moment, group=group, folds=folds)

    def _part(self, rows: TypedRows, number: int, hashes: Hashes, moment: pa.Array | None) -> Integers:
        """[n]: of the time the period, of the bootstrap how often the row was drawn, else the fold."""
        plan = self.plan
        if plan.time:
            assert moment is not None
            return _period_of(moment, plan.borders)
        if plan.method == "leave_one_group_out":
            return _place_among(rows, plan)
        if plan.method == "bootstrap":
            return draws(uniform(salted(f"bootstrap {number}", self.seed, hashes)))
        return np.mod(salted(f"fold {number}", self.seed, hashes), plan.folds)


def is_divided(places: Places) -> Mask:
    """[n]: whether a row is one that folds are made of, by its split."""
    divided: Mask = (places.split == TRAIN) | (places.split == VALIDATION)
    return divided


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


def draws(unit: npt.NDArray[np.float64]) -> Integers:
    """[n]: the number of draws, Poisson distributed with mean 1, by the inverse of its distribution function.

    Args:
        unit: [n], uniform in [0, 1).
    """
    chances = [math.exp(-1.0) / math.factorial(count) for count in range(_MOST_DRAWS)]
    below = [sum(chances[: count + 1]) for count in range(_MOST_DRAWS)]
    return np.searchsorted(below, unit, side="right").astype(np.int64)


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


def _period_of(moment: pa.Array, borders: Sequence[float]) -> Integers:
    """[n]: how many borders are not later than the moment; far below all for null."""
    places = moment.to_numpy(zero_copy_only=False)
    return np.where(np.isnan(places), -_FAR, np.searchsorted(borders, places, side="right"))


def _open_time(config: FoldConfig, table: Table, name: str) -> TimeColumn:
    kind = table.program.inputs.raw.kinds[name]
    return open_time(table.scan, _divided_column(table, name), kind, name, given=config.borders)


def _divided_column(table: Table, name: str) -> Callable[[Batches], Iterator[pa.Array]]:
    """A column of the rows that are divided."""
    program = table.program
    return lambda batches: (
        rows.typed.raw[name].filter(pa.array(is_divided(rows.places))) for rows in map(program.rows, batches)
    )


def _equal_periods(config: FoldConfig, table: Table, time: TimeColumn) -> tuple[float, ...]:
    periods = config.folds + config.gap + 1
    shares = [index / periods for index in range(1, periods)]
    borders, unit = find_cuts(table.scan, _divided_column(table, time.name), time, shares)
    log.warning(
        "The periods of the folds begin at %s, found from the rows to %s. They move when rows are added; "
        "set crossval.borders to keep them.",
        ", ".join(time.text(border) for border in borders),
        unit,
    )
    return borders


def _members(table: Table, plan: FoldPlan) -> tuple[tuple[str, ...], ...]:
    groups = plan.groups

    def distinct(batches: Iterator[Rows]) -> Parts:
        found = pa.schema([(str(place), pa.string()) for place in range(len(groups))]).empty_table()
        for rows in batches:
            divided = pa.array(is_divided(rows.places))
            texts = [rows.typed.text(name).filter(divided) for name in groups]
            own = pa.table({str(place): text for place, text in enumerate(texts)}).drop_null()
            found = pa.concat_tables([found, own]).group_by(found.schema.names).aggregate([]).slice(0, MAX_FOLDS + 1)
        return {"members": found}

    members = sorted(
        {tuple(row.values()) for part in table.collect(distinct).get("members", []) for row in part.to_pylist()}
    )
    names = ", ".join(f"'{name}'" for name in groups)
    if not 2 <= len(members) <= MAX_FOLDS:
        shown = f"more than {MAX_FOLDS}" if len(members) > MAX_FOLDS else str(len(members))
        problem = Problem(
            f"data.group ({names}) has {shown} different values",
            f"2 to {MAX_FOLDS} for method: leave_one_group_out",
            remedy="Use method: group",
        )
        raise DataError(str(problem))
    return tuple(members)


def _place_among(rows: TypedRows, plan: FoldPlan) -> Integers:
    """[n]: the place of the row's group in `plan.members`; far below all where it is not there."""
    found = np.zeros(rows.count, np.int64)
    members = np.zeros(len(plan.members), np.int64)
    for number, name in enumerate(plan.groups):
        parts = pa.array(sorted({member[number] for member in plan.members}), pa.string())
        own = pa.array([member[number] for member in plan.members], pa.string())
        # A number of more digits with each column: equal where all of its values are.
        found = found * (len(parts) + 1) + pc.index_in(rows.text(name), parts).fill_null(len(parts)).to_numpy()
        members = members * (len(parts) + 1) + pc.index_in(own, parts).to_numpy()
    place = pc.index_in(pa.array(found), pa.array(members)).cast(pa.int64())
    places: Integers = place.fill_null(-_FAR).to_numpy()
    return places
