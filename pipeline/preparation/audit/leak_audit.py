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
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.arrays.masks import valid_of
from pipeline.errors import DataError, Problem, gather
from pipeline.formatting import counted
from pipeline.preparation.audit.audit_counts import TIME, UNITS, CountsByKind, counts_by_kind, units_once
from pipeline.preparation.rows.split import ResolvedSplit
from pipeline.preparation.rows.timestamps import TimeColumn
from pipeline.preparation.rows.typed_rows import SPLIT, RowPlacement
from pipeline.schemas.audit import Check, LeakAudit
from pipeline.schemas.target import TARGETS
from pipeline.store.layout import SPLITS

log = logging.getLogger(__name__)

QUICK_ROWS = 100_000
"""A quick audit looks at about so many rows where it takes a sample."""

NEARLY_PERFECT = 0.99

_KEY, _GROUP, _ROW = "key", "group", "row"
_NAMES = {
    _KEY: "key in one {} only",
    _GROUP: "group in one {} only",
    _ROW: "no equal rows in several {}s",
    TIME: "{}s in the order of time",
}


@dataclass(frozen=True)
class Parts:
    """What is compared: the splits of a store, or the parts of a division into folds.

    Attributes:
        column: of integers, the part of a row; rows of other parts do not count.
        names: of the parts, in the order of time where that decides; neighbours of one name are one stretch of it.
        noun: what people call a part.
    """

    column: str = SPLIT
    names: tuple[str, ...] = SPLITS
    noun: str = "split"


THE_SPLITS = Parts()


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
        checks = [_shared_check(kind, kinds[kind].every, by_kind, self.split, self.parts.noun) for kind in kinds]
        return (*checks, _time_check(by_kind, self.split.time, self.parts)) if self.split.time else tuple(checks)


def audit_of(split: ResolvedSplit, total: int, level: str, parts: Parts = THE_SPLITS) -> Audit:
    """The audit of a division.

    Args:
        split: what decided.
        total: rows of all parts.
        level: `full`, or `quick` where samples are enough.
        parts: what is compared.
    """
    return Audit(split, max(1, total // QUICK_ROWS) if level == "quick" else 1, parts)


def feature_check(scores: Mapping[str, float], task: str) -> Check:
    """Which columns predict the label nearly perfectly, by `single_feature_scores`."""
    measure = "area under the ROC curve" if TARGETS.get(task).has_classes else "R²"
    perfect = {name: score for name, score in scores.items() if score > NEARLY_PERFECT}
    shown = ", ".join(f"'{name}' ({score:.4f})" for name, score in sorted(perfect.items()))
    detail = (
        f"Alone, {shown} predict the label nearly perfectly ({measure} above {NEARLY_PERFECT}). "
        "If they are known only once the label is, leave them out"
    )
    return Check(
        name="no column gives the label away",
        passed=not perfect,
        severity="warning",
        found=len(perfect),
        detail=detail
        if perfect
        else f"{len(scores)} columns, the best with {measure} {max(scores.values(), default=0):.4f}",
    )


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
        kinds[_KEY] = _Kind(lambda placement: pa.array(placement.row_id), every if key_decides else 1)
    if split.groups:
        kinds[_GROUP] = _Kind(lambda placement: placement.group, every if split.by_hash else 1)
    if split.key or not key_decides:
        kinds[_ROW] = _Kind(lambda placement: pa.array(placement.values), every)
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


def _shared_check(kind: str, every: int, counts: CountsByKind, split: ResolvedSplit, noun: str) -> Check:
    kind_counts = counts.get((kind, None), {"units": 0, "shared": 0, "rows": 0})
    subject = _unit_noun(kind, split)
    if not kind_counts["shared"]:
        none = f"none of {kind_counts['units']:,} {subject}" if every == 1 else "none"
        detail = f"{none} is in more than one {noun}"
    else:
        affected = counted(kind_counts["rows"], "row")
        some = f"{kind_counts['shared']:,} of {kind_counts['units']:,} {subject}"
        detail = f"{some} are in more than one {noun}, in {affected}; {_advice(kind, split)}"
    if every > 1:
        detail = f"checked a sample of one in {every} {subject} ({kind_counts['units']:,}): {detail}"
    tolerated = kind == _ROW or split.method == "time"
    severity: Literal["error", "warning"] = "warning" if tolerated else "error"
    name = _NAMES[kind].format(noun)
    return Check(
        name=name, passed=not kind_counts["shared"], severity=severity, found=kind_counts["shared"], detail=detail
    )


def _unit_noun(kind: str, split: ResolvedSplit) -> str:
    if kind == _GROUP:
        return f"groups of {', '.join(map(repr, split.groups))}"
    if kind == _KEY and split.key:
        return f"keys of {', '.join(map(repr, split.key))}"
    return "different rows (features and label)"


def _advice(kind: str, split: ResolvedSplit) -> str:
    if kind == _ROW:
        return "remove repeated rows, or take a data.key that they share, or the metrics are too good"
    if split.method == "time":
        return f"if a {kind} says much about its label, the metrics are too good for new ones"
    if split.column:
        return f"correct column '{split.column}' (split.column), or data.{kind}"
    return "name as data.group what must stay together"


def _time_check(counts: CountsByKind, time: TimeColumn, parts: Parts) -> Check:
    periods: dict[str, list[Mapping[str, Any]]] = {}
    for part, name in enumerate(parts.names):
        if (TIME, part) in counts:
            periods.setdefault(name, []).append(counts[TIME, part])
    wrong: list[str] = []
    right: list[str] = []
    for (name, earlier), (following, later) in pairwise(periods.items()):
        last = max(part["last"] for part in earlier if part["last"] is not None)
        first = min(part["first"] for part in later if part["first"] is not None)
        answers = right if last < first else wrong
        answers.append(f"{name} ends at {time.text(last)}, {following} begins at {time.text(first)}")
    name = _NAMES[TIME].format(parts.noun)
    return Check(name=name, passed=not wrong, found=len(wrong), detail="; ".join(wrong or right))
