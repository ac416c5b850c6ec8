"""The leak audit: is a key, a group, a time or a whole row in more than one split, does a column give the label away?

What the splits share, or the parts that folds are made of, is counted in one pass. Where a hash of the key or group
decides, none can be in two of them unless the program is wrong, and then many are: a quick audit looks at a sample of
them, each with all its rows. A key or group that did not decide is always looked at in full. Rows are compared by their
values in the source, features and label.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.arrays.masks import valid_of
from pipeline.errors import DataError, Problem, gather
from pipeline.preparation.audit.audit_checks import shared_check, time_check
from pipeline.preparation.audit.audit_counts import GROUP, KEY, ROW, TIME, UNITS, counts_by_kind, units_once
from pipeline.preparation.audit.parts import THE_SPLITS, Parts
from pipeline.preparation.rows.split import ResolvedSplit
from pipeline.preparation.rows.typed_rows import RowPlacement
from pipeline.schemas.audit import Check, LeakAudit

log = logging.getLogger(__name__)

QUICK_ROWS = 100_000
"""A quick audit looks at about so many rows where it takes a sample."""


@dataclass(frozen=True)
class _Kind:
    """One kind of unit to compare.

    Attributes:
        ids: of n rows, a hash that tells one from another, int64 [n]; null where there is none.
        every: one in so many is looked at.
    """

    ids: Callable[[RowPlacement], pa.Array]
    every: int


@dataclass(frozen=True)
class Audit:
    """What is compared; plain data and functions, which go to the tasks.

    Attributes:
        split: what decided.
        every: one unit in so many is looked at where a sample is enough.
        parts: what is compared.
    """

    split: ResolvedSplit
    every: int
    parts: Parts = THE_SPLITS

    def units(self, placement: RowPlacement) -> pa.Table:
        """What the rows of a batch stand for; those of no part do not count."""
        return _units(placement, _kinds(self.split, self.every), self.parts, timed=self.split.time is not None)

    @property
    def every_one_in(self) -> int:
        """One row in so many is looked at, or fewer."""
        return min(kind.every for kind in _kinds(self.split, self.every).values())

    def checks(self, counts: Sequence[pa.Table]) -> tuple[Check, ...]:
        """The checks that make sense for this division.

        Args:
            counts: from `count_units`, of which each saw all that is known of its units.
        """
        kinds, by_kind = _kinds(self.split, self.every), counts_by_kind(counts)
        checks = [shared_check(kind, kinds[kind].every, by_kind, self.split, self.parts.noun) for kind in kinds]
        return (*checks, time_check(by_kind, self.split.time, self.parts)) if self.split.time else tuple(checks)


def audit_of(split: ResolvedSplit, total: int, level: str, parts: Parts = THE_SPLITS) -> Audit:
    """The audit of a division.

    Args:
        split: what decided.
        total: rows of all parts.
        level: `full`, or `quick` where samples are enough.
        parts: what is compared.
    """
    return Audit(split, max(1, total // QUICK_ROWS) if level == "quick" else 1, parts)


def report_audit(audit: LeakAudit) -> None:
    """Log warnings.

    Raises:
        DataError: there is a finding that must stop the job.
    """
    for check in audit.warnings:
        log.warning("Leak audit: %s.", check.detail)
    if audit.errors:
        title = "The leak audit found rows that are not separate"
        raise DataError(gather(title, [Problem(check.detail) for check in audit.errors]))


def _kinds(split: ResolvedSplit, every: int) -> dict[str, _Kind]:
    key_decides = split.by_hash and not split.groups
    kinds = {}
    if split.key or key_decides:
        kinds[KEY] = _Kind(lambda placement: pa.array(placement.row_id), every if key_decides else 1)
    if split.groups:
        kinds[GROUP] = _Kind(lambda placement: placement.group, every if split.by_hash else 1)
    if split.key or not key_decides:
        kinds[ROW] = _Kind(lambda placement: pa.array(placement.values), every)
    return kinds


def _units(placement: RowPlacement, kinds: Mapping[str, _Kind], parts: Parts, *, timed: bool) -> pa.Table:
    """What the rows of a batch stand for."""
    part = placement.of(parts.column)
    used = (part >= 0) & (part < len(parts.names))
    tables = [UNITS.empty_table()]
    for name, kind in kinds.items():
        ids = kind.ids(placement)
        hashes = ids.fill_null(0).to_numpy()
        compared = np.flatnonzero(used & valid_of(ids) & (np.mod(hashes, kind.every) == 0))
        tables.append(units_once(name, hashes[compared], part[compared]))
    if timed:
        assert placement.timestamp is not None
        timestamps = placement.timestamp.to_numpy(zero_copy_only=False)[used]
        tables.append(units_once(TIME, part[used].astype(np.int64), part[used], timestamps))
    return pa.concat_tables(tables)
