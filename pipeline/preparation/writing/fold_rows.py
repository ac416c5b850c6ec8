"""Rows that all folds share: numbers as they are and ids of a vocabulary of all folds together."""

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
"""About so many at least. A file of some 4,000 rows costs as much processor time for itself as for its rows."""
FEWEST_SHARDS = 4
"""Which are not given up for that: they are the most ranks that can train on the folds."""
MOST_FILES = 2048
"""Of an assignment: its groups are spread over fewer shards where they would have more."""


def shared_rows_of(states: Sequence[FittedFeatures]) -> SharedFoldRows:
    """What the rows must hold for all folds: every number, and every text that one of them knows."""
    numbers = dict.fromkeys(feature.source for state in states for feature in state.of_numbers)
    texts: dict[str, Any] = {}
    for feature in (feature for state in states for feature in state.of_texts):
        texts[feature.name] = feature.shared(texts.get(feature.name))
    return SharedFoldRows(
        numbers=tuple(numbers),
        texts=tuple(texts.values()),
        task=states[0].label.task,
        has_parts=any(feature.out_of_fold for state in states for feature in state.features),
        weighted=states[0].weight is not None,
    )


def stored_rows(
    shared_rows: SharedFoldRows,
    state: FittedFeatures,
    assignment: FoldAssignment,
    filing: Filing,
    seed: int,
    audit: Audit,
) -> StoredRows:
    """The columns of `shared_rows`."""
    return StoredRows(
        columns=lambda rows: _shared_columns(shared_rows, state, rows, seed),
        types=shared_rows.columns,
        group=lambda rows: rows.placement.of(assignment.column),
        filing=filing,
        copies=lambda rows: copies_of(rows, None, seed),
        sampled=False,
        group_rows=ROWS_PER_GROUP,
        audit=audit,
    )


def _shared_columns(
    shared_rows: SharedFoldRows, state: FittedFeatures, rows: Rows, seed: int
) -> dict[str, npt.NDArray[Any]]:
    """[n] each, by name, in the order of `shared_rows`."""
    joint = state.model_copy(update={"numeric": (), "categorical": shared_rows.texts})
    values, typed = rows.typed.values, rows.typed
    columns: list[npt.NDArray[Any]] = [finite_numbers(values[name]) for name in shared_rows.numbers]
    columns += feature_columns(joint, values).values()
    columns += [fold_of_row(seed, rows.placement.row_id)] if shared_rows.has_parts else []
    columns.append(label_value(state.label, typed))
    columns += [numbers_of(typed.weight)] if shared_rows.weighted else []
    columns.append(rows.placement.row_id)
    return dict(zip(shared_rows.columns, columns, strict=True))


def fold_shards(whole: DatasetStatistics, measured: Sequence[DatasetStatistics], groups: int) -> int:
    """Virtual shards of the folds: as many as of a store, unless files would be too many or too small.

    Args:
        whole: of all rows.
        measured: of the folds that are measured; those that choose within them have fewer rows, and follow.
        groups: of rows.
    """
    rows = whole.splits["train"]
    shards = shards_for(min((statistics.splits["train"] for statistics in measured), default=rows))
    while shards > FEWEST_SHARDS and rows < groups * shards * ROWS_PER_FILE:
        shards //= 2
    while shards > 1 and groups * shards > MOST_FILES:
        shards //= 2
    return shards
