"""The leak audit of a store, after it is written and before it is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.formatting import counted
from pipeline.preparation.audit.leak_audit import Audit
from pipeline.preparation.audit.single_feature import single_feature_scores
from pipeline.preparation.profile.store_sample import first_rows
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.schemas.audit import Check, LeakAudit
from pipeline.schemas.store_schema import StoreSchema
from pipeline.schemas.target import TARGETS
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import SPLITS
from pipeline.store.manifest import SplitEntry

SCORED_ROWS, SCORED_CELLS = 20_000, 2_000_000
"""The most rows and values by which single columns are scored."""


def audit_store(
    audit: Audit,
    units: Sequence[pa.Table],
    statistics: DatasetStatistics,
    *,
    contract: StoreSchema,
    train: SplitEntry,
    work: StoragePath,
    task: str,
) -> LeakAudit:
    """Audit a store for keys, groups, times and rows that splits share, and for columns that reveal the label.

    Args:
        audit: the audit that ran while the store was written.
        units: its counts.
        statistics: counts of rows.
        contract: the columns of the store.
        train: the files of the training rows.
        work: the folder of the store.
        task: the task of the label.
    """
    split, checks = audit.split, audit.checks(units)
    time = split.time
    cuts = {SPLITS[index]: time.text(cut) for index, cut in split.cuts} if time is not None else {}
    return LeakAudit(
        method=split.method,
        rows=statistics.splits,
        left_out=statistics.left_out,
        cuts=cuts,
        checks=(*checks, _columns_check(contract, train, work, task)),
    )


def _columns_check(contract: StoreSchema, train: SplitEntry, work: StoragePath, task: str) -> Check:
    numeric, ids = contract.names("numeric"), contract.names("categorical")
    label = contract.names("label")[0]
    columns = [*numeric, *ids, label]
    table = first_rows(train, work, columns, min(SCORED_ROWS, SCORED_CELLS // len(columns)))
    scores = single_feature_scores(
        {name: table[name].to_numpy().astype(np.float64) for name in numeric},
        {name: table[name].to_numpy() for name in ids},
        table[label].to_numpy(),
        task,
    )
    return feature_check(scores, task)


NEARLY_PERFECT = 0.99


def feature_check(scores: Mapping[str, float], task: str) -> Check:
    """Which columns predict the label nearly perfectly, by `single_feature_scores`."""
    measure = "area under the ROC curve" if TARGETS.get(task).has_classes else "R²"
    perfect = {name: score for name, score in scores.items() if score > NEARLY_PERFECT}
    shown = ", ".join(f"'{name}' ({score:.4f})" for name, score in sorted(perfect.items()))
    verb = "predicts" if len(perfect) == 1 else "predict"
    detail = (
        f"Alone, {shown} {verb} the label nearly perfectly ({measure} above {NEARLY_PERFECT}). "
        "If they are known only once the label is, leave them out"
    )
    return Check(
        name="no column gives the label away",
        passed=not perfect,
        severity="warning",
        found=len(perfect),
        detail=detail
        if perfect
        else f"{counted(len(scores), 'column')}, the best with {measure} {max(scores.values(), default=0):.4f}",
    )
