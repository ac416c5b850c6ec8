"""Transforming: fitted numbers on the arrays of a batch; see `contract/features.py` for what they mean.

In double precision until the last step, a missing number being NaN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.crc import crc32_of
from pipeline.arrays.masks import missing_of
from pipeline.contract.columns import ROW_ID, WEIGHT
from pipeline.contract.curve import Curve, Values
from pipeline.contract.features import (
    OUT_OF_VOCABULARY,
    BucketFeature,
    CategoricalFeature,
    FeatureState,
    HashedFeature,
    MappedFeature,
    NumericFeature,
    ScaledFeature,
    VocabularyFeature,
    slot_names,
)
from pipeline.contract.label import LabelSpec, Task
from pipeline.data.rows import Indices, Rows, TypedRows
from pipeline.data.split import TRAIN
from pipeline.features.target_mean import fold_of_row
from pipeline.features.texts import class_text, text_of, values_of, with_null_token

Stored = npt.NDArray[Any]
TextFeature = MappedFeature | VocabularyFeature | HashedFeature


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
    for number in state.numeric:
        columns[number.name] = _number(number, values, folds)
    for category in state.categorical:
        columns |= zip(slot_names(category), _ids(category, values), strict=True)
    return columns


def numbers_of(values: pa.Array) -> Values:
    """float64 [n]: as numpy has them, NaN for null."""
    numbers: Values = values.to_numpy(zero_copy_only=False)
    return numbers


def finite_numbers(values: pa.Array) -> Values:
    """float64 [n]: NaN for null and for what is not finite."""
    numbers = numbers_of(values)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(numbers), numbers, np.nan)


def shaped(values: pa.Array, curve: Curve) -> Values:
    """float64 [n]: clipped and shaped, NaN for null and for what is not finite."""
    with np.errstate(all="ignore"):
        return curve.array(finite_numbers(values))


def scaled_value(values: pa.Array, feature: ScaledFeature) -> npt.NDArray[np.float32]:
    """float32 [n]: filled, clipped, shaped and scaled."""
    known = finite_numbers(values)
    if feature.fill is not None:
        known = np.where(np.isnan(known), feature.fill, known)
    with np.errstate(all="ignore"):
        return ((Curve.of(feature).array(known) - feature.center) / feature.scale).astype(np.float32)


def places_among(text: pa.Array, vocabulary: Sequence[str]) -> Indices:
    """int32 [n]: the place of a text, from 0; -1 where it is none of them. Null is `NULL_TOKEN`."""
    found = pc.index_in(with_null_token(text), _value_set(tuple(vocabulary)))
    places: Indices = found.fill_null(-1).to_numpy()
    return places


@lru_cache(maxsize=256)
def _value_set(vocabulary: tuple[str, ...]) -> pa.Array:
    """Made once a task, not for each batch."""
    return pa.array(vocabulary, pa.string())


def mapped_value(text: pa.Array, feature: MappedFeature, folds: Indices | None = None) -> npt.NDArray[np.float32]:
    """float32 [n]: the number of a text."""
    places = places_among(text, feature.vocabulary)
    values = np.array([*feature.values, feature.default])[places]
    if feature.folds and folds is not None:
        table = np.array([[*own, feature.default] for own in feature.folds])
        values = np.where(folds >= 0, table[folds, places], values)
    return values.astype(np.float32)


def vocabulary_id(text: pa.Array, vocabulary: Sequence[str]) -> Indices:
    """int32 [n]: the id of a text."""
    return places_among(text, vocabulary) + np.int32(1)


def hashed_id(text: pa.Array, feature: HashedFeature) -> Indices:
    """int32 [n]: the id of a text; null is 0."""
    hashed = (crc32_of(text) % np.uint32(feature.buckets)).astype(np.int32) + np.int32(1)
    return np.where(missing_of(text), OUT_OF_VOCABULARY, hashed).astype(np.int32)


def bucket_id(values: pa.Array, edges: Sequence[float]) -> Indices:
    """int32 [n]: the id of the interval; null is 0."""
    known = finite_numbers(values)
    passed = np.searchsorted(np.asarray(edges, np.float64), known, side="right").astype(np.int32) + np.int32(1)
    return np.where(np.isnan(known), OUT_OF_VOCABULARY, passed).astype(np.int32)


def label_value(label: LabelSpec, rows: TypedRows) -> Stored:
    """float64 [n]: the label in its own unit; or int32 [n]: the id of its class, -1 where it is none."""
    if label.task is Task.REGRESSION:
        return numbers_of(rows.label)
    numbers = _few_integers(label.classes)
    if numbers is None:
        return places_among(class_text(rows), label.classes)
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
    if label.task is Task.REGRESSION:
        with np.errstate(all="ignore"):
            return (label_curve(label).array(numbers_of(rows.label)) - label.center) / label.scale
    positive: Values = (label_value(label, rows) == len(label.classes) - 1).astype(np.float64)
    return positive


def _training_folds(state: FeatureState, rows: Rows, seed: int) -> Indices | None:
    if not any(isinstance(feature, MappedFeature) and feature.folds for feature in state.numeric):
        return None
    folds = fold_of_row(seed, rows.places.row_id)
    return np.where(rows.places.split == TRAIN, folds, -1).astype(np.int32)


def _number(feature: NumericFeature, values: Mapping[str, pa.Array], folds: Indices | None) -> Stored:
    if isinstance(feature, ScaledFeature):
        return scaled_value(values[feature.source], feature)
    return mapped_value(text_of(values, feature.sources), feature, folds)


def _ids(feature: CategoricalFeature, values: Mapping[str, pa.Array]) -> Iterator[Indices]:
    """The ids, with padding in slots without a value."""
    if isinstance(feature, BucketFeature):
        yield bucket_id(values[feature.source], feature.edges)
        return
    text = text_of(values, feature.sources)
    if feature.separator is None:
        yield _id(text, feature)
        return
    found = values_of(text, feature.separator)
    for place in range(feature.slots):
        slot = found.slot(place)
        padding = np.int32(feature.size - 1)
        yield np.where(missing_of(slot), padding, _id(slot, feature)).astype(np.int32)


def _id(text: pa.Array, feature: VocabularyFeature | HashedFeature) -> Indices:
    return hashed_id(text, feature) if isinstance(feature, HashedFeature) else vocabulary_id(text, feature.vocabulary)
