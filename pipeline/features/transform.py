"""Transforming: fitted numbers on the arrays of a batch; see `kinds/state.py` for what they mean.

In double precision until the last step, a missing number being NaN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.values import Values, numbers_of
from pipeline.contract.columns import ROW_ID, WEIGHT
from pipeline.contract.label import LabelSpec
from pipeline.data.rows import Indices, Rows, TypedRows
from pipeline.data.split import TRAIN
from pipeline.kinds.mapped.sums import fold_of_row
from pipeline.kinds.registry import Stored, arrays_of
from pipeline.kinds.scaled.curve import Curve
from pipeline.kinds.state import FeatureState
from pipeline.kinds.text.arrays import places_among


def stored_columns(state: FeatureState, rows: Rows, seed: int) -> dict[str, Stored]:
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
    columns[ROW_ID] = rows.places.row_id
    return columns


def feature_columns(
    state: FeatureState, values: Mapping[str, pa.Array], folds: Indices | None = None
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


def label_value(label: LabelSpec, rows: TypedRows) -> Stored:
    """float64 [n]: the label in its own unit; or int32 [n]: the id of its class, -1 where it is none."""
    if not label.classes:
        return numbers_of(rows.label)
    numbers = _few_integers(label.classes)
    if numbers is None:
        return places_among(rows.class_text, label.classes)
    found = pc.index_in(pc.add(rows.label, 0.0), pa.array(numbers)).fill_null(-1)
    places: Stored = found.to_numpy()
    return places


def _few_integers(classes: Sequence[str]) -> list[float] | None:
    """Classes that can be told by comparing numbers, which is quicker than to write each row's as a text."""
    plain = all(re.fullmatch(r"0|-?[1-9][0-9]{0,14}", name) for name in classes)
    return [float(name) for name in classes] if plain else None


def label_curve(label: LabelSpec) -> Curve:
    """What becomes of a regression label before it is scaled."""
    match label.transform:
        case "log":
            return Curve(shape="log1p")
        case "power":
            return Curve(shape="power", power=label.power)
    return Curve()


def network_label(label: LabelSpec, rows: TypedRows) -> Values:
    """float64 [n]: the label as the network sees it; of two classes, 1 for the positive one."""
    if not label.classes:
        with np.errstate(all="ignore"):
            return (label_curve(label).array(numbers_of(rows.label)) - label.center) / label.scale
    positive: Values = (label_value(label, rows) == len(label.classes) - 1).astype(np.float64)
    return positive


def _training_folds(state: FeatureState, rows: Rows, seed: int) -> Indices | None:
    if not any(feature.out_of_fold for feature in state.features):
        return None
    folds = fold_of_row(seed, rows.places.row_id)
    return np.where(rows.places.split == TRAIN, folds, -1).astype(np.int32)
