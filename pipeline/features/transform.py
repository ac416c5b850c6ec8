"""Transforming: fitted numbers as Catalyst expressions, without Python on the way of a row.

Rows first get the places of texts in large vocabularies (`with_places`), which are joined; everything else is computed
from a row alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import ArrayType, DoubleType

from pipeline.contract.columns import ROW_ID, WEIGHT
from pipeline.contract.curve import Curve
from pipeline.contract.features import (
    NULL_TOKEN,
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
from pipeline.data.convert import finite, number_text
from pipeline.data.split import SPLIT, TRAIN
from pipeline.data.table import LABEL_NUMBER, LABEL_TEXT, WEIGHT_NUMBER, Table
from pipeline.features.lookup import constant, is_large, place_among, with_place_among
from pipeline.features.shape import shaped
from pipeline.features.target_mean import fold_of_row
from pipeline.features.vocabulary import joined, values_of

FEW_CLASSES = 16
"""So many comparisons cost a row no more than looking its text up."""

TextFeature = MappedFeature | VocabularyFeature | HashedFeature


def with_places(rows: DataFrame, state: FeatureState, columns: Mapping[str, str]) -> DataFrame:
    """Rows with the columns that `feature_columns` needs beside `columns`: places in large vocabularies.

    Args:
        rows: with the columns of `columns`.
        state: the fitted features.
        columns: the column that holds each raw or derived one.
    """
    for number, feature in _numbered(state):
        if _is_joined(feature):
            for slot, text in enumerate(_texts(feature, columns)):
                rows = with_place_among(rows, _place_name(number, slot), _with_null(text), feature.vocabulary)
    return rows


def stored_columns(state: FeatureState, table: Table) -> list[Column]:
    """The columns of a store, under their own names, in the order of `contract_of(state)`."""
    weight = (F.col(WEIGHT_NUMBER) / F.lit(state.weight_mean)).cast("float").alias(WEIGHT)
    return [
        *feature_columns(state, table.columns, fold=_training_fold(state, table.seed)),
        label_value(state.label).alias(state.label.name),
        *([weight] if state.weight else []),
        F.col(ROW_ID),
    ]


def feature_columns(state: FeatureState, columns: Mapping[str, str], fold: Column | None = None) -> list[Column]:
    """All features under their own names, of rows that went through `with_places`.

    Args:
        state: the fitted features.
        columns: the column that holds each raw or derived one.
        fold: int, the fold of a training row, null for other rows; None where no row is a training row.
    """
    made = []
    for number, feature in _numbered(state):
        match feature:
            case ScaledFeature():
                made.append(scaled_value(F.col(columns[feature.source]), feature).alias(feature.name))
            case BucketFeature():
                made.append(bucket_id(F.col(columns[feature.source]), feature).alias(feature.name))
            case MappedFeature():
                place = _places(number, feature, columns)[0]
                made.append(mapped_value(place, feature, fold).alias(feature.name))
            case VocabularyFeature():
                ids = [vocabulary_id(place) for place in _places(number, feature, columns)]
                made += _slots(feature, ids, columns)
            case HashedFeature():
                made += _slots(feature, [hashed_id(text, feature) for text in _texts(feature, columns)], columns)
    return made


def scaled_value(value: Column, feature: ScaledFeature) -> Column:
    """Float: filled, clipped, shaped and scaled, in double precision until the last step."""
    known = finite(value)
    filled = known if feature.fill is None else F.coalesce(known, F.lit(feature.fill))
    return ((shaped(filled, Curve.of(feature)) - F.lit(feature.center)) / F.lit(feature.scale)).cast("float")


def mapped_value(place: Column, feature: MappedFeature, fold: Column | None = None) -> Column:
    """Float: the number of a text by its place in the vocabulary."""
    place = F.coalesce(place, F.lit(len(feature.vocabulary)))
    value = F.get(constant([*feature.values, feature.default], ArrayType(DoubleType())), place)
    if feature.folds and fold is not None:
        width = len(feature.vocabulary) + 1
        numbers = [number for values in feature.folds for number in (*values, feature.default)]
        value = F.coalesce(F.get(constant(numbers, ArrayType(DoubleType())), fold * width + place), value)
    return value.cast("float")


def vocabulary_id(place: Column) -> Column:
    """Int: the id of a text by its place in the vocabulary."""
    return F.coalesce(place + 1, F.lit(OUT_OF_VOCABULARY))


def hashed_id(text: Column, feature: HashedFeature) -> Column:
    """Int: the id of a text; null is 0."""
    hashed = F.pmod(F.crc32(text.cast("binary")), F.lit(feature.buckets)).cast("int") + 1
    return F.coalesce(hashed, F.lit(OUT_OF_VOCABULARY))


def bucket_id(value: Column, feature: BucketFeature) -> Column:
    """Int: the id of the interval; null is 0."""
    known = finite(value)
    return F.coalesce(F.when(known.isNotNull(), _interval(known, feature.edges, 1)), F.lit(OUT_OF_VOCABULARY))


def label_value(label: LabelSpec) -> Column:
    """Double: the label in its own unit; or int: the id of its class."""
    if label.task is Task.REGRESSION:
        return F.col(LABEL_NUMBER)
    if _are_few_integers(label.classes):
        return F.coalesce(_place_of_number(label.classes), F.lit(-1))
    return F.coalesce(place_among(label_text(), label.classes), F.lit(-1))


def label_text() -> Column:
    """String: the name of a row's class."""
    return F.coalesce(number_text(F.col(LABEL_NUMBER)), F.col(LABEL_TEXT))


def _are_few_integers(classes: Sequence[str]) -> bool:
    """Whether classes can be told by comparing numbers, which is quicker than to write each row's as a text."""
    return len(classes) <= FEW_CLASSES and all(re.fullmatch(r"0|-?[1-9][0-9]{0,14}", name) for name in classes)


def _place_of_number(classes: Sequence[str]) -> Column:
    """Int: the place of a row's class among integers; null where it is none of them."""
    first, *others = (F.lit(float(name)) == F.col(LABEL_NUMBER) for name in classes)
    place = F.when(first, F.lit(0))
    for number, same in enumerate(others, start=1):
        place = place.when(same, F.lit(number))
    return place


def label_curve(label: LabelSpec) -> Curve:
    """What becomes of a regression label before it is scaled."""
    match label.transform:
        case "log":
            return Curve(shape="log1p")
        case "power":
            return Curve(shape="power", power=label.power)
    return Curve()


def network_label(label: LabelSpec) -> Column:
    """Double: the label as the network sees it; of two classes, 1 for the positive one."""
    if label.task is Task.REGRESSION:
        return (shaped(F.col(LABEL_NUMBER), label_curve(label)) - F.lit(label.center)) / F.lit(label.scale)
    return (label_value(label) == len(label.classes) - 1).cast("double")


def _training_fold(state: FeatureState, seed: int) -> Column | None:
    needed = any(isinstance(feature, MappedFeature) and feature.folds for feature in state.numeric)
    return F.when(F.col(SPLIT) == TRAIN, fold_of_row(seed)) if needed else None


def _numbered(state: FeatureState) -> Iterator[tuple[int, NumericFeature | CategoricalFeature]]:
    return enumerate((*state.numeric, *state.categorical))


def _is_joined(feature: NumericFeature | CategoricalFeature) -> TypeGuard[MappedFeature | VocabularyFeature]:
    return isinstance(feature, (MappedFeature, VocabularyFeature)) and is_large(feature.vocabulary)


def _place_name(number: int, slot: int) -> str:
    return f"__place_{number}_{slot}"


def _places(number: int, feature: MappedFeature | VocabularyFeature, columns: Mapping[str, str]) -> list[Column]:
    """Int, one a slot: the place of a text in the vocabulary; null where it is not in it."""
    texts = _texts(feature, columns)
    if _is_joined(feature):
        return [F.col(_place_name(number, slot)) for slot in range(len(texts))]
    return [place_among(_with_null(text), feature.vocabulary) for text in texts]


def _texts(feature: TextFeature, columns: Mapping[str, str]) -> list[Column]:
    """Strings, one a slot."""
    text = joined([F.col(columns[source]) for source in feature.sources])
    if isinstance(feature, MappedFeature) or feature.separator is None:
        return [text]
    values = values_of(text, feature.separator)
    return [F.get(values, F.lit(slot)) for slot in range(feature.slots)]


def _slots(
    feature: VocabularyFeature | HashedFeature, ids: Sequence[Column], columns: Mapping[str, str]
) -> Iterator[Column]:
    """The ids under their names, with padding in slots without a value."""
    for name, text, value in zip(slot_names(feature), _texts(feature, columns), ids, strict=True):
        padded = value if feature.separator is None else F.when(text.isNull(), feature.size - 1).otherwise(value)
        yield padded.alias(name)


def _with_null(text: Column) -> Column:
    return F.coalesce(text, F.lit(NULL_TOKEN))


def _interval(value: Column, edges: Sequence[float], first: int) -> Column:
    """Int: `first` and how many edges are less than or equal to the value, by halving the edges."""
    if not edges:
        return F.lit(first)
    middle = len(edges) // 2
    below = _interval(value, edges[:middle], first)
    above = _interval(value, edges[middle + 1 :], first + middle + 1)
    return F.when(value < F.lit(edges[middle]), below).otherwise(above)
