"""Which fold each row belongs to, as an integer by assignment, decided by the row's own values alone.

    hash, stratified, group   assignment r:     the fold of repeat r that the row is validated in
    leave_one_group_out       assignment 0:     the index of the row's group in the sorted groups
    time                      assignment 0:     the period of the row's timestamp
    bootstrap                 assignment f:     how often fold f drew the row

    group_column(number)      the column of an assignment, in which validation rows have groups of their own, see
                              `folds.assignments`

Folds are numbered 0, 1, ... through all repeats. As with splits, hashes of the row (or its timestamp or group) decide,
so that nothing depends on other rows. For the bootstrap, the number of draws of a row is therefore Poisson distributed
with mean 1, the limit of drawing n of n rows with replacement (Oza and Russell, Online bagging and boosting, 2001), and
fold sizes vary a little.
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
"""Groups from here downwards are not divided; -1 is for rows without a group."""
UNDECIDED = -1
_FAR = 1 << 20
MOST_DRAWS = 17
"""More draws of one row have a probability below 1e-16, which a double in [0, 1) cannot resolve."""


@dataclass(frozen=True)
class FoldPlan:
    """How rows are divided into folds, with everything that had to be looked up in the data.

    Attributes:
        method: `crossval.method`.
        folds: number of folds of one repeat.
        repeats: how many times the rows are divided.
        groups: columns of `data.group`; rows of one group stay together.
        strata: columns of `crossval.by`.
        bins: number of intervals of a numeric column of `strata`.
        time: the time column, for `method: time`.
        borders: where periods begin, on the axis of time, ascending.
        window: the most periods to train on; None for all.
        gap: number of periods left out between training and validation.
        members: for `leave_one_group_out`, the sorted names of all groups, each with a part for each group column.
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
        """The number of folds of all repeats."""
        return self.folds * self.repeats

    @property
    def assignments(self) -> int:
        """The number of assignments: how often all rows are divided."""
        return self.folds if self.method == "bootstrap" else self.repeats


@dataclass(frozen=True)
class FoldPlacement:
    """Computes the groups of a row in all assignments; plain data, sent to the tasks.

    Attributes:
        plan: how rows are divided.
        seed: mixed into every hash.
        validation: the share of validation rows, which stop training early, among the rows that a fold trains on.
    """

    plan: FoldPlan
    seed: int
    validation: float

    def with_groups(self, rows: Rows) -> RowPlacement:
        """The placement with the group of each row in each assignment; `UNDECIDED` without a group or timestamp."""
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
        """[n]: the period for `time`, the number of draws for `bootstrap`, else the fold."""
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
    """[n]: whether a row is divided into folds: training and validation rows are."""
    divided: Mask = (placement.split == TRAIN) | (placement.split == VALIDATION)
    return divided


def group_column(number: int) -> str:
    """The name of the column of an assignment: of a repeat, or of a fold of the bootstrap."""
    return f"__group_{number}"


def group_of_split(split: int) -> int:
    """The group of rows that are not divided: test rows, rows left out, and bad rows."""
    return OTHERS - split


def draws(unit: npt.NDArray[np.float64]) -> Integers:
    """[n]: the number of draws, Poisson distributed with mean 1, by inverse transform sampling.

    Args:
        unit: [n], uniform in [0, 1).
    """
    chances = [math.exp(-1.0) / math.factorial(count) for count in range(MOST_DRAWS)]
    below = [sum(chances[: count + 1]) for count in range(MOST_DRAWS)]
    return np.searchsorted(below, unit, side="right").astype(np.int64)


def _period_of(timestamps: pa.Array, borders: Sequence[float]) -> Integers:
    """[n]: the number of borders up to the timestamp; `-_FAR` for null."""
    positions = timestamps.to_numpy(zero_copy_only=False)
    return np.where(np.isnan(positions), -_FAR, np.searchsorted(borders, positions, side="right"))


def _place_among(rows: TypedRows, plan: FoldPlan) -> Integers:
    """[n]: the index of the row's group in `plan.members`; `-_FAR` where it is missing."""
    codes = np.zeros(rows.count, np.int64)
    member_codes = np.zeros(len(plan.members), np.int64)
    for number, name in enumerate(plan.groups):
        parts = pa.array(sorted({member[number] for member in plan.members}), pa.string())
        member_parts = pa.array([member[number] for member in plan.members], pa.string())
        # A mixed-radix number, with a digit for each column: equal where all columns are.
        codes = codes * (len(parts) + 1) + pc.index_in(rows.text(name), parts).fill_null(len(parts)).to_numpy()
        member_codes = member_codes * (len(parts) + 1) + pc.index_in(member_parts, parts).to_numpy()
    index = pc.index_in(pa.array(codes), pa.array(member_codes)).cast(pa.int64())
    indices: Integers = index.fill_null(-_FAR).to_numpy()
    return indices
