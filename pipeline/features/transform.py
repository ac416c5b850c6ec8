"""Transforming: fitted numbers as Catalyst expressions, without Python on the way of a row.

A text is looked up in a constant hash table: an array of small maps, one of which is chosen by the CRC-32 of the text.
Spark's own map lookup goes through all keys; here a row compares with one or two, for any size of the vocabulary, and
no join and no broadcast is needed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql.types import ArrayType, DoubleType, IntegerType, MapType, StringType

from pipeline.contract.columns import ROW_ID, WEIGHT
from pipeline.contract.features import (
    NULL_TOKEN,
    OUT_OF_VOCABULARY,
    BucketFeature,
    CategoricalFeature,
    FeatureState,
    HashedFeature,
    MappedFeature,
    ScaledFeature,
    VocabularyFeature,
    slot_names,
)
from pipeline.contract.label import LabelSpec, Task
from pipeline.data.convert import is_finite, number_text
from pipeline.data.split import SPLIT, TRAIN
from pipeline.data.table import LABEL_NUMBER, LABEL_TEXT, WEIGHT_NUMBER, Table
from pipeline.features.shape import Curve
from pipeline.features.target_mean import fold_of_row
from pipeline.features.vocabulary import joined, values_of

_BUCKETS = ArrayType(MapType(StringType(), IntegerType()))


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
    """All features under their own names.

    Args:
        state: the fitted features.
        columns: the column that holds each raw or derived one.
        fold: int, the fold of a training row, null for other rows; None where no row is a training row.
    """
    numeric = []
    for feature in state.numeric:
        if isinstance(feature, ScaledFeature):
            value = scaled_value(F.col(columns[feature.source]), feature)
        else:
            value = mapped_value(_text(feature.sources, columns), feature, fold)
        numeric.append(value.alias(feature.name))
    return numeric + [column for feature in state.categorical for column in _id_columns(feature, columns)]


def scaled_value(value: Column, feature: ScaledFeature) -> Column:
    """Float: filled, clipped, shaped and scaled, in double precision until the last step."""
    known = F.when(is_finite(value), value)
    filled = known if feature.fill is None else F.coalesce(known, F.lit(feature.fill))
    shaped = Curve.of(feature).column(filled)
    return ((shaped - F.lit(feature.center)) / F.lit(feature.scale)).cast("float")


def mapped_value(text: Column, feature: MappedFeature, fold: Column | None = None) -> Column:
    """Float: the number of a text."""
    place = _looked_up(_with_null(text), feature.vocabulary, first=0, unknown=len(feature.vocabulary))
    value = F.get(_constant([*feature.values, feature.default], ArrayType(DoubleType())), place)
    if feature.folds and fold is not None:
        width = len(feature.vocabulary) + 1
        numbers = [number for values in feature.folds for number in (*values, feature.default)]
        value = F.coalesce(F.get(_constant(numbers, ArrayType(DoubleType())), fold * width + place), value)
    return value.cast("float")


def vocabulary_id(text: Column, feature: VocabularyFeature) -> Column:
    """Int: the id of a text, or of null."""
    return _looked_up(_with_null(text), feature.vocabulary, first=1, unknown=OUT_OF_VOCABULARY)


def hashed_id(text: Column, feature: HashedFeature) -> Column:
    """Int: the id of a text; null is 0."""
    hashed = F.pmod(F.crc32(text.cast("binary")), F.lit(feature.buckets)).cast("int") + 1
    return F.coalesce(hashed, F.lit(OUT_OF_VOCABULARY))


def bucket_id(value: Column, feature: BucketFeature) -> Column:
    """Int: the id of the interval; null is 0."""
    known = F.when(is_finite(value), value)
    return F.coalesce(F.when(known.isNotNull(), _interval(known, feature.edges, 1)), F.lit(OUT_OF_VOCABULARY))


def label_value(label: LabelSpec) -> Column:
    """Double: the label in its own unit; or int: the id of its class."""
    if label.task is Task.REGRESSION:
        return F.col(LABEL_NUMBER)
    return _looked_up(label_text(), label.classes, first=0, unknown=-1)


def label_text() -> Column:
    """String: the name of a row's class."""
    return F.coalesce(number_text(F.col(LABEL_NUMBER)), F.col(LABEL_TEXT))


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
        return (label_curve(label).column(F.col(LABEL_NUMBER)) - F.lit(label.center)) / F.lit(label.scale)
    return (label_value(label) == len(label.classes) - 1).cast("double")


def _training_fold(state: FeatureState, seed: int) -> Column | None:
    needed = any(isinstance(feature, MappedFeature) and feature.folds for feature in state.numeric)
    return F.when(F.col(SPLIT) == TRAIN, fold_of_row(seed)) if needed else None


def _id_columns(feature: CategoricalFeature, columns: Mapping[str, str]) -> Iterator[Column]:
    if isinstance(feature, BucketFeature):
        yield bucket_id(F.col(columns[feature.source]), feature).alias(feature.name)
        return
    text = _text(feature.sources, columns)
    if feature.separator is None:
        yield _text_id(text, feature).alias(feature.name)
        return
    values = values_of(text, feature.separator)
    for slot, name in enumerate(slot_names(feature)):
        value = F.get(values, F.lit(slot))
        padded = F.when(value.isNotNull(), _text_id(value, feature)).otherwise(F.lit(feature.size - 1))
        yield padded.alias(name)


def _text_id(text: Column, feature: VocabularyFeature | HashedFeature) -> Column:
    return vocabulary_id(text, feature) if isinstance(feature, VocabularyFeature) else hashed_id(text, feature)


def _text(sources: Sequence[str], columns: Mapping[str, str]) -> Column:
    return joined([F.col(columns[source]) for source in sources])


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


def _looked_up(text: Column, values: Sequence[str], *, first: int, unknown: int) -> Column:
    size = 1 << max(len(values) - 1, 0).bit_length()
    buckets: list[dict[str, int]] = [{} for _ in range(size)]
    for number, value in enumerate(values, start=first):
        buckets[zlib.crc32(value.encode()) % size][value] = number
    bucket = F.pmod(F.crc32(text.cast("binary")), F.lit(size)).cast("int")
    return F.coalesce(F.element_at(F.get(_constant(buckets, _BUCKETS), bucket), text), F.lit(unknown))


def _constant(content: object, kind: ArrayType) -> Column:
    """One JSON text instead of one expression a value: Spark folds it to a constant when it plans the query."""
    return F.from_json(F.lit(json.dumps(content)), kind)
