"""Transforming: fitted numbers as Catalyst expressions, without Python on the way of a row.

A category's id is looked up in a constant hash table: an array of small maps, one of which is chosen by the CRC-32
of the text. Spark's own map lookup goes through all keys; here a row compares with one or two, for any size of the
vocabulary, and no join and no broadcast is needed.
"""

from __future__ import annotations

import json
import zlib

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql.types import ArrayType, IntegerType, MapType, StringType

from pipeline.contract.columns import ROW_ID
from pipeline.contract.features import NULL_TOKEN, OUT_OF_VOCABULARY, FeatureState, ScaledFeature, VocabularyFeature
from pipeline.contract.label import LabelSpec, Task
from pipeline.data.convert import is_finite, number_text
from pipeline.data.table import LABEL_NUMBER, LABEL_TEXT

_TABLE = ArrayType(MapType(StringType(), IntegerType()))


def stored_columns(state: FeatureState) -> list[Column]:
    """The columns of a store, under their own names, in the order of `contract_of(state)`."""
    return [
        *(numeric_value(F.col(f"n{i}"), feature).alias(feature.name) for i, feature in enumerate(state.numeric)),
        *(category_id(F.col(f"c{i}"), feature).alias(feature.name) for i, feature in enumerate(state.categorical)),
        label_value(state.label).alias(state.label.name),
        F.col(ROW_ID),
    ]


def numeric_value(value: Column, feature: ScaledFeature) -> Column:
    """Float: imputed and scaled, in double precision until the last step. NaN and infinities count as null."""
    known = F.when(is_finite(value), value)
    filled = known if feature.fill is None else F.coalesce(known, F.lit(feature.fill))
    return ((filled - F.lit(feature.center)) / F.lit(feature.scale)).cast("float")


def category_id(value: Column, feature: VocabularyFeature) -> Column:
    """Int: the id of a text, or of null."""
    return _looked_up(F.coalesce(value, F.lit(NULL_TOKEN)), feature.vocabulary, first=1, unknown=OUT_OF_VOCABULARY)


def label_value(label: LabelSpec) -> Column:
    """Double: the label in its own unit; or int: the id of its class."""
    if label.task is Task.REGRESSION:
        return F.col(LABEL_NUMBER)
    text = F.coalesce(number_text(F.col(LABEL_NUMBER)), F.col(LABEL_TEXT))
    return _looked_up(text, label.classes, first=0, unknown=-1)


def _looked_up(text: Column, values: tuple[str, ...], *, first: int, unknown: int) -> Column:
    size = 1 << max(len(values) - 1, 0).bit_length()
    buckets: list[dict[str, int]] = [{} for _ in range(size)]
    for number, value in enumerate(values, start=first):
        buckets[zlib.crc32(value.encode()) % size][value] = number
    # One JSON text instead of one expression a value: Spark folds it to a constant when it plans the query.
    table = F.from_json(F.lit(json.dumps(buckets)), _TABLE)
    bucket = F.pmod(F.crc32(text.cast("binary")), F.lit(size)).cast("int")
    return F.coalesce(F.element_at(F.get(table, bucket), text), F.lit(unknown))
