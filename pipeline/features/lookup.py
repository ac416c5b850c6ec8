"""Looking a text up among many: in a constant hash table, or where that would be too large, by a broadcast join.

The constant is an array of small maps, one of which is chosen by the CRC-32 of the text. Spark's own map lookup goes
through all keys; here a row compares with one or two, and no join is needed. It is part of the plan, though, which
Spark writes out again and again, and of Java objects: 1,000,000 texts take more than 1 GB so, and 0.1 GB joined.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import ArrayType, DataType, IntegerType, MapType, StringType

MOST_VALUES = 1 << 14
LONGEST_VALUE = 1 << 14
"""Characters; Spark's JSON reader takes no key of more than 50,000, and the plan should stay small."""

_BUCKETS = ArrayType(MapType(StringType(), IntegerType()))
_KEY = "__key"


def is_large(values: Sequence[str]) -> bool:
    """Whether values are looked up by a join."""
    return len(values) > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in values)


def place_among(text: Column, values: Sequence[str]) -> Column:
    """Int: the place of a text, counted from 0; null where it is none of them."""
    size = 1 << max(len(values) - 1, 0).bit_length()
    buckets: list[dict[str, int]] = [{} for _ in range(size)]
    for number, value in enumerate(values):
        buckets[zlib.crc32(value.encode()) % size][value] = number
    bucket = F.pmod(F.crc32(text.cast("binary")), F.lit(size)).cast("int")
    return F.element_at(F.get(constant(buckets, _BUCKETS), bucket), text)


def with_place_among(rows: DataFrame, name: str, text: Column, values: Sequence[str]) -> DataFrame:
    """The rows with one more column, int: the place of a text, counted from 0; null where it is none of them."""
    table = pa.table({_KEY: pa.array(values, pa.string()), name: pa.array(range(len(values)), pa.int32())})
    known = F.broadcast(rows.sparkSession.createDataFrame(table))
    return rows.join(known, text == known[_KEY], "left").drop(_KEY)


def constant(content: object, kind: DataType) -> Column:
    """One JSON text instead of one expression a value: Spark folds it to a constant when it plans the query."""
    return F.from_json(F.lit(json.dumps(content)), kind)  # type: ignore[arg-type]
