"""The leak audit of folds whose rows have just been written, before they are published."""

from __future__ import annotations

from collections.abc import Mapping

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession

from pipeline.config.split import Method
from pipeline.contract.audit import Check
from pipeline.contract.columns import ROW_ID
from pipeline.data.audit import Parts, audit_splits
from pipeline.data.division import Division
from pipeline.data.folds import FoldPlan
from pipeline.data.opening import Opened
from pipeline.data.raw import quoted
from pipeline.data.split import VALUES, ResolvedSplit, hash_of
from pipeline.store.filesystem import Root
from pipeline.store.layout import group_folder

_FILE = "_metadata.file_path"


def audit_division(
    spark: SparkSession,
    opened: Opened,
    plan: FoldPlan,
    division: Division,
    number: int,
    *,
    total: int,
    work: Root,
    level: str,
) -> tuple[Check, ...]:
    """Look for keys, groups, times and rows that the groups of a division share, in one query.

    No group may share them: each is trained on as a whole, measured on, or what a training ends by.

    Args:
        spark: the session.
        opened: the source, its rows with their groups.
        plan: how they are divided.
        division: into groups.
        number: of the division.
        total: rows of all of them.
        work: the folder of all folds.
        level: `full` or `quick`, see `data.audit`.
    """
    parts = Parts(
        column=division.column,
        names=tuple(f"period {group // 2 + 1}" for group in range(division.used[-1] + 1)),
        noun="part",
    )
    checks = audit_splits(
        opened.table.rows if plan.groups or plan.time else _written(spark, division, number, work),
        _decided(plan, opened.table.split),
        total=total,
        level="full" if level == "full" else "quick",
        parts=parts,
    )
    return checks if plan.divisions == 1 else tuple(_named(check, f"division {number + 1}") for check in checks)


def periods(plan: FoldPlan) -> Mapping[str, str]:
    """When those of folds by time begin, as people write it."""
    return (
        {}
        if plan.time is None
        else {f"period {place + 2}": plan.time.text(border) for place, border in enumerate(plan.borders)}
    )


def _named(check: Check, division: str) -> Check:
    return check.model_copy(update={"name": f"{division}: {check.name}", "detail": f"{division}: {check.detail}"})


def _decided(plan: FoldPlan, split: ResolvedSplit) -> ResolvedSplit:
    """What decides on the parts, in the words of a split."""
    method: Method = "time" if plan.time else "group" if plan.groups else "hash"
    return ResolvedSplit(method, key=split.key, groups=plan.groups, time=plan.time)


def _written(spark: SparkSession, division: Division, number: int, work: Root) -> DataFrame:
    """The rows of a division with their group, `ROW_ID` and `VALUES`; equal rows look equal to every network."""
    rows = spark.read.parquet(work.within(group_folder(number, "*")).uri)
    values = [F.col(quoted(name)) for name in sorted(rows.columns) if name != ROW_ID]
    group = F.regexp_extract(_FILE, rf"/{number}-(\d+)/[^/]+$", 1).cast("int")
    return rows.select(group.alias(division.column), F.col(ROW_ID), hash_of(values).alias(VALUES))
