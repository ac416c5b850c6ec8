"""The leak audit of a store that has just been written, before it is published."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from pipeline.contract.audit import Check, LeakAudit
from pipeline.contract.columns import StoreContract
from pipeline.contract.label import Task
from pipeline.data.audit import audit_splits, feature_check, stored_rows
from pipeline.data.opening import Opened
from pipeline.data.single_feature import single_feature_scores
from pipeline.data.stored import first_rows
from pipeline.data.survey import Survey
from pipeline.store.filesystem import Root
from pipeline.store.layout import SPLITS
from pipeline.store.manifest import SplitEntry

SCORED_ROWS, SCORED_CELLS = 20_000, 2_000_000
"""Rows, and values at most, by which single columns are judged."""


def audit_store(
    spark: SparkSession,
    opened: Opened,
    found: Survey,
    written: tuple[StoreContract, Mapping[str, SplitEntry]],
    work: Root,
    *,
    task: Task,
    level: str,
) -> LeakAudit:
    """Look for keys, groups, times and rows that splits share, and for columns that give the label away.

    Args:
        spark: the session.
        opened: the source.
        found: counts of rows.
        written: the columns and files of the store.
        work: the folder of the store.
        task: of the label.
        level: `full` or `quick`, see `data.audit`.
    """
    contract, splits = written
    split = opened.table.split
    checks = audit_splits(
        _rows(spark, opened, splits, work),
        split,
        total=sum(found.splits.values()),
        level="full" if level == "full" else "quick",
    )
    time = split.time
    cuts = {SPLITS[index]: time.text(place) for index, place in split.cuts} if time is not None else {}
    return LeakAudit(
        method=split.method,
        rows=found.splits,
        left_out=found.left_out,
        cuts=cuts,
        checks=(*checks, _columns_check(contract, splits["train"], work, task)),
    )


def _rows(spark: SparkSession, opened: Opened, splits: Mapping[str, SplitEntry], work: Root) -> DataFrame:
    """The written rows, which are quicker to read; the source's where groups or times are compared."""
    split = opened.table.split
    if split.groups or split.time:
        return opened.table.rows
    parts = {
        name: spark.read.parquet(*(work.within(file.path).uri for file in entry.files))
        for name, entry in splits.items()
        if entry.rows
    }
    return stored_rows(parts)


def _columns_check(contract: StoreContract, train: SplitEntry, work: Root, task: Task) -> Check:
    numeric, ids = contract.names("numeric"), contract.names("categorical")
    label = contract.names("label")[0]
    columns = [*numeric, *ids, label]
    table = first_rows(train, work, columns, min(SCORED_ROWS, SCORED_CELLS // len(columns)))
    scores = single_feature_scores(
        {name: table[name].to_numpy().astype(np.float64) for name in numeric},
        {name: table[name].to_numpy().astype(str).astype(object) for name in ids},
        table[label].to_numpy(),
        task,
    )
    return feature_check(scores, task)
