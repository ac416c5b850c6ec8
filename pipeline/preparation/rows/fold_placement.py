"""Which fold each row belongs to, as an integer by assignment, decided by the row's own values alone.

    hash, stratified, group   assignment r:     the fold of repeat r that the row is validated in
    leave_one_group_out       assignment 0:     the place of the row's group in the sorted groups
    time                      assignment 0:     the period that the row's time is in
    bootstrap                 assignment f:     how often fold f drew the row

    group_column(number)      each of these columns with what a training run ends by, see `folds.assignments`

Folds are numbered 0, 1, ... through all repeats. As for the splits, each row decides for itself by hashes (or by its
time or its group), so that nothing depends on other rows; for the bootstrap this means that the number of draws of
a row is Poisson distributed with mean 1, the limit of drawing n of n rows with replacement (Oza and Russell, Online
bagging and boosting, 2001), and that fold sizes vary a little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.hashing import salted, uniform
from pipeline.arrays.masks import Mask, valid_of
from pipeline.config.split import FoldMethod
from pipeline.preparation.rows.split import TRAIN, VALIDATION, group_of
from pipeline.preparation.rows.timestamps import TimeColumn
from pipeline.preparation.rows.typed_rows import Hashes, RowPlacement, Rows, TypedRows

Integers = npt.NDArray[np.int64]

OTHERS = -2
"""Groups from here on downwards take no part; -1 is left for rows without one."""
UNDECIDED = -1
_FAR = 1 << 20
MOST_DRAWS = 17
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
    def assignments(self) -> int:
        """How often all rows are divided."""
        return self.folds if self.method == "bootstrap" else self.repeats


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

    def with_groups(self, rows: Rows) -> RowPlacement:
        """With the group of each row in each assignment: `UNDECIDED` where it lacks its group or its time."""
        plan, placement = self.plan, rows.placement
        timestamp = plan.time.timestamps(rows.typed.raw[plan.time.name]) if plan.time else placement.timestamp
        group = group_of(rows.typed, plan.groups) if plan.groups else placement.group
        unit = pa.array(placement.row_id) if group is None or not plan.groups else group
        hashes = unit.fill_null(0).to_numpy()
        decided = np.ones(rows.count, bool) if plan.time else valid_of(unit)
        ends_training = uniform(salted("fold validation", self.seed, hashes)) < self.validation
        folds = {}
        for number in range(plan.assignments):
            part = self._part(rows.typed, number, hashes, timestamp)
            inside = np.where(decided & (part > -_FAR), part * 2 + ends_training, UNDECIDED)
            folds[group_column(number)] = np.where(is_divided(placement), inside, OTHERS - placement.split).astype(
                np.int32
            )
        return replace(placement, timestamp=timestamp, group=group, folds=folds)

    def _part(self, rows: TypedRows, number: int, hashes: Hashes, timestamp: pa.Array | None) -> Integers:
        """[n]: of the time the period, of the bootstrap how often the row was drawn, else the fold."""
        plan = self.plan
        if plan.time:
            assert timestamp is not None
            return _period_of(timestamp, plan.borders)
        if plan.method == "leave_one_group_out":
            return _place_among(rows, plan)
        if plan.method == "bootstrap":
            return draws(uniform(salted(f"bootstrap {number}", self.seed, hashes)))
        return np.mod(salted(f"fold {number}", self.seed, hashes), plan.folds)


def is_divided(placement: RowPlacement) -> Mask:
    """[n]: whether a row is one that folds are made of, by its split."""
    divided: Mask = (placement.split == TRAIN) | (placement.split == VALIDATION)
    return divided


def group_column(number: int) -> str:
    """The column of groups of an assignment: of a repeat, or of a fold of the bootstrap."""
    return f"__group_{number}"


def group_of_split(split: int) -> int:
    """The group of rows that take no part: in a test split, left out, or bad."""
    return OTHERS - split


def draws(unit: npt.NDArray[np.float64]) -> Integers:
    """[n]: the number of draws, Poisson distributed with mean 1, by the inverse of its distribution function.

    Args:
        unit: [n], uniform in [0, 1).
    """
    chances = [math.exp(-1.0) / math.factorial(count) for count in range(MOST_DRAWS)]
    below = [sum(chances[: count + 1]) for count in range(MOST_DRAWS)]
    return np.searchsorted(below, unit, side="right").astype(np.int64)


def _period_of(timestamps: pa.Array, borders: Sequence[float]) -> Integers:
    """[n]: how many borders are not later than the timestamp; far below all for null."""
    positions = timestamps.to_numpy(zero_copy_only=False)
    return np.where(np.isnan(positions), -_FAR, np.searchsorted(borders, positions, side="right"))


def _place_among(rows: TypedRows, plan: FoldPlan) -> Integers:
    """[n]: the place of the row's group in `plan.members`; far below all where it is not there."""
    codes = np.zeros(rows.count, np.int64)
    member_codes = np.zeros(len(plan.members), np.int64)
    for number, name in enumerate(plan.groups):
        parts = pa.array(sorted({member[number] for member in plan.members}), pa.string())
        member_parts = pa.array([member[number] for member in plan.members], pa.string())
        # A number of more digits with each column: equal where all of its values are.
        codes = codes * (len(parts) + 1) + pc.index_in(rows.text(name), parts).fill_null(len(parts)).to_numpy()
        member_codes = member_codes * (len(parts) + 1) + pc.index_in(member_parts, parts).to_numpy()
    index = pc.index_in(pa.array(codes), pa.array(member_codes)).cast(pa.int64())
    indices: Integers = index.fill_null(-_FAR).to_numpy()
    return indices
