"""The leak audit: is a key, a group, a time or a whole row in more than one split, does a column give the label away?

What the splits share, or the parts that folds are made of, is counted in one query. Where a hash of the key or group
decides, none can be in two of them unless the program is wrong, and then many are: a quick audit looks at a sample of
them, each with all its rows. A key or group that did not decide is always looked at in full. The rows may come from the
source, or, where neither groups nor times are to be compared, from what was written (`stored_rows`), which is quicker
to read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Literal

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.contract.audit import Check, LeakAudit
from pipeline.contract.columns import ROW_ID
from pipeline.contract.label import Task
from pipeline.data.moment import MOMENT, TimeColumn
from pipeline.data.raw import quoted
from pipeline.data.split import GROUP_ID, SPLIT, VALUES, ResolvedSplit, hash_of
from pipeline.errors import DataError, Problem, gather
from pipeline.store.layout import SPLITS

log = logging.getLogger(__name__)

QUICK_ROWS = 100_000
"""A quick audit looks at about so many rows where it takes a sample."""

NEARLY_PERFECT = 0.99

_KEY, _GROUP, _ROW, _TIME = "key", "group", "row", "time"
_NAMES = {
    _KEY: "key in one {} only",
    _GROUP: "group in one {} only",
    _ROW: "no equal rows in several {}s",
    _TIME: "{}s in the order of time",
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
    """One kind of thing to compare.

    Attributes:
        id: int64 hash that tells one from another.
        every: one in so many is looked at.
    """

    id: Column
    every: int


@dataclass(frozen=True)
class _Found:
    """What was counted: things, things in several splits, rows of the latter, and the first and last moment."""

    things: int
    shared: int
    rows: int
    first: float | None
    last: float | None


def audit_splits(
    rows: DataFrame,
    split: ResolvedSplit,
    *,
    total: int,
    level: Literal["full", "quick"],
    values: bool = True,
    parts: Parts = THE_SPLITS,
) -> tuple[Check, ...]:
    """Compare the splits, in one query.

    Args:
        rows: with the columns of `placed`, `ROW_ID`, and `VALUES` if `values`; those in no split do not count.
        split: what decided.
        total: rows of all splits.
        level: whether to look at everything, or at samples where that is enough.
        values: whether to look for equal rows.
        parts: what is compared in place of the splits.

    Returns:
        The checks that make sense for this division.
    """
    every = max(1, total // QUICK_ROWS) if level == "quick" else 1
    kinds = _kinds(split, every, values=values)
    found = _count(rows, kinds, split, parts)
    checks = [_shared_check(kind, kinds[kind].every, found, split, parts.noun) for kind in kinds]
    return (*checks, _time_check(found, split.time, parts)) if split.time else tuple(checks)


def feature_check(scores: Mapping[str, float], task: Task) -> Check:
    """Which columns predict the label nearly perfectly, by `single_feature_scores`."""
    measure = "R²" if task is Task.REGRESSION else "area under the ROC curve"
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


def stored_rows(parts: Mapping[str, DataFrame]) -> DataFrame:
    """`SPLIT`, `ROW_ID` and `VALUES` of stored rows; equal rows are those that look equal to the network.

    Args:
        parts: the stored columns of each split that has rows, by its name.
    """
    selected = []
    for name, part in parts.items():
        values = [F.col(quoted(column)) for column in sorted(part.columns) if column != ROW_ID]
        index = F.lit(SPLITS.index(name)).alias(SPLIT)
        selected.append(part.select(index, F.col(ROW_ID), hash_of(values).alias(VALUES)))
    return reduce(DataFrame.unionAll, selected)


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


def _kinds(split: ResolvedSplit, every: int, *, values: bool) -> dict[str, _Kind]:
    key_decides = split.by_hash and not split.groups
    kinds = {}
    if split.key or key_decides:
        kinds[_KEY] = _Kind(F.col(ROW_ID), every if key_decides else 1)
    if split.groups:
        kinds[_GROUP] = _Kind(F.col(GROUP_ID), every if split.by_hash else 1)
    if values and (split.key or not key_decides):
        kinds[_ROW] = _Kind(F.col(VALUES), every)
    return kinds


def _count(
    rows: DataFrame, kinds: Mapping[str, _Kind], split: ResolvedSplit, parts: Parts
) -> dict[tuple[str, int | None], _Found]:
    """By kind; of the time by split, each of which is a thing."""
    part = F.when(F.col("kind") == F.lit(_TIME), F.col("id"))
    shared = F.col("low") < F.col("high")
    counted = (
        _things(_entries(rows, kinds, split, parts))
        .groupBy("kind", part.alias("part"))
        .agg(
            F.count(F.lit(1)),
            F.count_if(shared),
            F.coalesce(F.sum(F.when(shared, F.col("rows"))), F.lit(0)),
            F.min("first"),
            F.max("last"),
        )
    )
    return {(row[0], row[1]): _Found(*row[2:]) for row in counted.collect()}


def _entries(rows: DataFrame, kinds: Mapping[str, _Kind], split: ResolvedSplit, parts: Parts) -> DataFrame:
    """A row of `split`, `kind`, `id` and `moment` for each thing that a row of a split stands for."""
    # Not a filter: Spark would push it to the source, and compute there anew all that the split is made of.
    used = F.col(parts.column).between(0, len(parts.names) - 1)
    entries = [
        F.when(used & (F.pmod(kind.id, F.lit(kind.every)) == 0), _entry(name, kind.id, F.lit(None)))
        for name, kind in kinds.items()
    ]
    if split.time:
        entries.append(F.when(used, _entry(_TIME, F.col(parts.column).cast("long"), F.col(MOMENT))))
    exploded = rows.select(F.col(parts.column).alias("split"), F.explode(F.array(*entries)).alias("entry"))
    return exploded.where(F.col("entry").isNotNull()).select("split", "entry.*")


def _entry(kind: str, id_: Column, moment: Column) -> Column:
    return F.struct(F.lit(kind).alias("kind"), id_.alias("id"), moment.cast("double").alias("moment"))


def _things(entries: DataFrame) -> DataFrame:
    """Each thing once, with its first and last split, its rows, and its first and last moment."""
    return entries.groupBy("kind", "id").agg(
        F.min("split").alias("low"),
        F.max("split").alias("high"),
        F.count(F.lit(1)).alias("rows"),
        F.min("moment").alias("first"),
        F.max("moment").alias("last"),
    )


def _shared_check(
    kind: str, every: int, found: Mapping[tuple[str, int | None], _Found], split: ResolvedSplit, noun: str
) -> Check:
    seen = found.get((kind, None), _Found(0, 0, 0, None, None))
    what = _thing(kind, split)
    sample = f" looked at, one in {every}" if every > 1 else ""
    if not seen.shared:
        detail = f"none of {seen.things} {what}{sample} is in more than one {noun}"
    else:
        detail = f"{seen.shared} of {seen.things} {what}{sample} are in more than one {noun}, in {seen.rows} rows; "
        detail += _advice(kind, split)
    tolerated = kind == _ROW or split.method == "time"
    severity: Literal["error", "warning"] = "warning" if tolerated else "error"
    name = _NAMES[kind].format(noun)
    return Check(name=name, passed=not seen.shared, severity=severity, found=seen.shared, detail=detail)


def _thing(kind: str, split: ResolvedSplit) -> str:
    if kind == _GROUP:
        return f"groups of {', '.join(repr(name) for _, name in split.groups)}"
    if kind == _KEY and split.key:
        return f"keys of {', '.join(map(repr, split.key))}"
    return "different rows (features and label)"


def _advice(kind: str, split: ResolvedSplit) -> str:
    if kind == _ROW:
        return "remove repeated rows, or take a data.key that they share, or the metrics are too good"
    if split.method == "time":
        return f"if a {kind} says much about its label, the metrics are too good for new ones"
    if split.column:
        return f"correct column '{split.column[1]}' (split.column), or data.{kind}"
    return "name as data.group what must stay together"


def _time_check(found: Mapping[tuple[str, int | None], _Found], time: TimeColumn, parts: Parts) -> Check:
    seen: dict[str, list[_Found]] = {}
    for part, name in enumerate(parts.names):
        if (_TIME, part) in found:
            seen.setdefault(name, []).append(found[_TIME, part])
    wrong: list[str] = []
    right: list[str] = []
    for (name, own), (following, later) in pairwise(seen.items()):
        last = max(part.last for part in own if part.last is not None)
        first = min(part.first for part in later if part.first is not None)
        answers = right if last < first else wrong
        answers.append(f"{name} ends at {time.text(last)}, {following} begins at {time.text(first)}")
    name = _NAMES[_TIME].format(parts.noun)
    return Check(name=name, passed=not wrong, found=len(wrong), detail="; ".join(wrong or right))
