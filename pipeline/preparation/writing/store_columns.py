"""Transforming: fitted numbers on the arrays of a batch; see `kinds/fitted_features.py` for what they mean.

In double precision until the last step, a missing number being NaN.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipeline.arrays.values import Stored, numbers_of
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.label_sums import fold_of_row
from pipeline.kinds.registry import arrays_of
from pipeline.preparation.rows.label_values import label_value
from pipeline.preparation.rows.split import TRAIN
from pipeline.preparation.rows.typed_rows import Indices, Rows
from pipeline.schemas.columns import ROW_ID, WEIGHT


def stored_columns(state: FittedFeatures, rows: Rows, seed: int) -> dict[str, Stored]:
    """The columns of a store, [n] each, by their names in the order of `contract_of(state)`.

    Args:
        state: the fitted features.
        rows: a batch of n rows.
        seed: of the split.
    """
    columns = feature_columns(state, rows.typed.values, _training_folds(state, rows, seed))
    columns[state.label.name] = label_value(state.label, rows.typed)
    if state.weight:
        assert rows.typed.weight is not None
        columns[WEIGHT] = (numbers_of(rows.typed.weight) / state.weight_mean).astype(np.float32)
    columns[ROW_ID] = rows.placement.row_id
    return columns


def feature_columns(
    state: FittedFeatures, values: Mapping[str, pa.Array], folds: Indices | None = None
) -> dict[str, Stored]:
    """All features, float32 or int32 [n], by the names of their columns.

    Args:
        state: the fitted features.
        values: float64 or string [n], raw and derived columns by name.
        folds: [n], the fold of a training row, negative for other rows; None where no row is a training row.
    """
    columns: dict[str, Stored] = {}
    for feature in state.features:
        columns |= zip(feature.columns, arrays_of(feature.kind).stored(feature, values, folds), strict=True)
    return columns


def _training_folds(state: FittedFeatures, rows: Rows, seed: int) -> Indices | None:
    if not any(feature.out_of_fold for feature in state.features):
        return None
    folds = fold_of_row(seed, rows.placement.row_id)
    return np.where(rows.placement.split == TRAIN, folds, -1).astype(np.int32)
