"""Transforms a batch into stored columns, by the fitted features; see `kinds/fitted_features.py`.

Computes in double precision until the last step, with NaN for missing numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipeline.arrays.values import Stored, numbers_of
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.interfaces import arrays_of
from pipeline.kinds.label_sums import fold_of_row
from pipeline.preparation.rows.label_values import label_value
from pipeline.preparation.rows.split import TRAIN
from pipeline.preparation.rows.typed_rows import Indices, Rows
from pipeline.schemas.store_schema import ROW_ID, WEIGHT


def stored_columns(features: FittedFeatures, rows: Rows, seed: int) -> dict[str, Stored]:
    """The columns of a store, [n] each, by their names in the order of `store_schema_of(features)`.

    Args:
        features: the fitted features.
        rows: a batch of n rows.
        seed: the seed of the split.
    """
    columns = feature_columns(features, rows.typed.values, _training_folds(features, rows, seed))
    columns[features.label.name] = label_value(features.label, rows.typed)
    if features.weight:
        assert rows.typed.weight is not None
        columns[WEIGHT] = (numbers_of(rows.typed.weight) / features.weight_mean).astype(np.float32)
    columns[ROW_ID] = rows.placement.row_id
    return columns


def feature_columns(
    features: FittedFeatures, values: Mapping[str, pa.Array], folds: Indices | None = None
) -> dict[str, Stored]:
    """All features, float32 or int32 [n], by the names of their columns.

    Args:
        features: the fitted features.
        values: float64 or string [n], raw and derived columns by name.
        folds: the fold of each training row, negative for other rows, [n]; None where no row is a training row.
    """
    columns: dict[str, Stored] = {}
    for feature in features.features:
        columns |= zip(feature.columns, arrays_of(feature.kind).stored(feature, values, folds), strict=True)
    return columns


def _training_folds(features: FittedFeatures, rows: Rows, seed: int) -> Indices | None:
    if not any(feature.out_of_fold for feature in features.features):
        return None
    folds = fold_of_row(seed, rows.placement.row_id)
    return np.where(rows.placement.split == TRAIN, folds, -1).astype(np.int32)
