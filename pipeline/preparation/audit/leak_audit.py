"""The leak audit: is a key, a group, a time or a whole row in more than one split?

Units that splits share, or the parts of folds, are counted in one pass. Where a hash of the key or group decides, no
key or group can be in two parts, unless the program has an error that would affect many: a quick audit checks a sample
of the units, each with all its rows. Keys and groups that do not decide are always checked in full. Rows are compared
by their source values of the features and the label.
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
"""About the number of rows that a quick audit samples."""


@dataclass(frozen=True)
class _Kind:
    """A kind of units.

    Attributes:
        ids: gives a hash of the unit of each of n rows, int64 [n]; null where there is none.
        every: one unit in so many is checked.
    """

    ids: Callable[[RowPlacement], pa.Array]
    every: int


@dataclass(frozen=True)
class Audit:
    """An audit of parts; plain data and functions, sent to the tasks.

    Attributes:
        split: how rows were divided.
        every: one unit in so many is checked where a sample suffices.
        parts: the parts to compare.
    """

    split: ResolvedSplit
    every: int
    parts: Parts = THE_SPLITS

    def units(self, placement: RowPlacement) -> pa.Table:
        """The units of a batch's rows; without rows that are in no part."""
        return _units(placement, _kinds(self.split, self.every), self.parts, timed=self.split.time is not None)

    @property
    def every_one_in(self) -> int:
        """At most one row in so many is checked."""
        return min(kind.every for kind in _kinds(self.split, self.every).values())

    def checks(self, counts: Sequence[pa.Table]) -> tuple[Check, ...]:
        """The checks that apply to these parts.

        Args:
            counts: from `count_units`, each with all occurrences of its units.
        """
        kinds, by_kind = _kinds(self.split, self.every), counts_by_kind(counts)
        checks = [shared_check(kind, kinds[kind].every, by_kind, self.split, self.parts.noun) for kind in kinds]
        return (*checks, time_check(by_kind, self.split.time, self.parts)) if self.split.time else tuple(checks)


def audit_of(split: ResolvedSplit, total: int, level: str, parts: Parts = THE_SPLITS) -> Audit:
    """The audit of some parts.

    Args:
        split: how rows were divided.
        total: number of rows of all parts.
        level: `full`, or `quick` to check a sample where that suffices.
        parts: the parts to compare.
    """
    return Audit(split, max(1, total // QUICK_ROWS) if level == "quick" else 1, parts)


def report_audit(audit: LeakAudit) -> None:
    """Log the warnings of an audit.

    Raises:
        DataError: the audit has errors.
    """
    for check in audit.warnings:
        log.warning("Leak audit: %s.", check.detail)
    if audit.errors:
        title = "The leak audit found shared keys, groups, times or rows"
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
    """The units of a batch's rows."""
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
