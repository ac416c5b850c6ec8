"""Rows that all folds share: unscaled numbers, and ids of one vocabulary for all folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from pipeline.arrays.values import finite_numbers, numbers_of
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.label_sums import fold_of_row
from pipeline.kinds.shared_fold_rows import SharedFoldRows
from pipeline.preparation.audit.leak_audit import Audit
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.label_values import label_value
from pipeline.preparation.rows.split import shards_for
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.preparation.writing.sampling import copies_of
from pipeline.preparation.writing.store_columns import feature_columns
from pipeline.preparation.writing.stored_rows import Filing, StoredRows
from pipeline.preparation.writing.write_rows import ROWS_PER_GROUP

ROWS_PER_FILE = ROWS_PER_GROUP // 2
"""About the fewest rows of a file. With some 4,000 rows, a file costs as much processor time as its rows."""
FEWEST_SHARDS = 4
"""Kept even if files are smaller, since they limit the number of ranks that can train on the folds."""
MOST_FILES = 2048
"""The most files of an assignment; its groups have fewer shards where they would have more files."""


def shared_rows_of(features_of_folds: Sequence[FittedFeatures]) -> SharedFoldRows:
    """The columns that the rows need for all folds: every number, and every text that any fold knows."""
    numbers = dict.fromkeys(feature.source for features in features_of_folds for feature in features.of_numbers)
    texts: dict[str, Any] = {}
    for feature in (feature for features in features_of_folds for feature in features.of_texts):
        texts[feature.name] = feature.shared(texts.get(feature.name))
    return SharedFoldRows(
        numbers=tuple(numbers),
        texts=tuple(texts.values()),
        task=features_of_folds[0].label.task,
        has_parts=any(feature.out_of_fold for features in features_of_folds for feature in features.features),
        weighted=features_of_folds[0].weight is not None,
    )


def stored_rows(
    shared_rows: SharedFoldRows,
    features: FittedFeatures,
    assignment: FoldAssignment,
    filing: Filing,
    seed: int,
    audit: Audit,
) -> StoredRows:
    """How the rows of `shared_rows` are stored."""
    return StoredRows(
        columns=lambda rows: _shared_columns(shared_rows, features, rows, seed),
        types=shared_rows.columns,
        group=lambda rows: rows.placement.of(assignment.column),
        filing=filing,
        copies=lambda rows: copies_of(rows, None, seed),
        sampled=False,
        group_rows=ROWS_PER_GROUP,
        audit=audit,
    )


def _shared_columns(
    shared_rows: SharedFoldRows, features: FittedFeatures, rows: Rows, seed: int
) -> dict[str, npt.NDArray[Any]]:
    """[n] each, by name, in the order of `shared_rows`."""
    joint = features.model_copy(update={"numeric": (), "categorical": shared_rows.texts})
    values, typed = rows.typed.values, rows.typed
    columns: list[npt.NDArray[Any]] = [finite_numbers(values[name]) for name in shared_rows.numbers]
    columns += feature_columns(joint, values).values()
    columns += [fold_of_row(seed, rows.placement.row_id)] if shared_rows.has_parts else []
    columns.append(label_value(features.label, typed))
    columns += [numbers_of(typed.weight)] if shared_rows.weighted else []
    columns.append(rows.placement.row_id)
    return dict(zip(shared_rows.columns, columns, strict=True))


def fold_shards(whole: DatasetStatistics, measured: Sequence[DatasetStatistics], groups: int) -> int:
    """The number of virtual shards of folds: as for a store, unless there were too many or too small files.

    Args:
        whole: statistics of all rows.
        measured: statistics of the folds that are evaluated; their inner folds, which have fewer rows, do not count.
        groups: number of groups of rows.
    """
    rows = whole.splits["train"]
    shards = shards_for(min((statistics.splits["train"] for statistics in measured), default=rows))
    while shards > FEWEST_SHARDS and rows < groups * shards * ROWS_PER_FILE:
        shards //= 2
    while shards > 1 and groups * shards > MOST_FILES:
        shards //= 2
    return shards
