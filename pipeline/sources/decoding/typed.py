"""Columns of files that have types, in the types that Spark gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.arrays.cells import plain
from pipeline.arrays.types import plain_type
from pipeline.schemas.column_names import clashing

_WIDER = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.decimal128(20, 0)}
_EXACT = frozenset(
    {
        *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
        *(pa.string(), pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")),
    }
)

_MOST_DIGITS = 38
"""Of a decimal of Spark's."""


@dataclass(frozen=True)
class FileColumns:
    """The columns of a file.

    Attributes:
        kinds: their types, as Spark has them.
        odd: those that Arrow does not read as Spark does.
        beyond_spark: those that Spark cannot read, and why.
    """

    kinds: Mapping[str, pa.DataType]
    odd: frozenset[str]
    beyond_spark: Mapping[str, str] = field(default_factory=dict)


def file_columns(kinds: Mapping[str, pa.DataType], *, odd: frozenset[str] = frozenset()) -> FileColumns:
    """The columns of a file, by the types that Arrow gives them.

    Args:
        kinds: by name.
        odd: which are known to be read otherwise.
    """
    spark_kinds = {name: spark_kind(kind) for name, kind in kinds.items()}
    inexact = {name for name, kind in spark_kinds.items() if not is_exact(kind) and not pa.types.is_null(kind)}
    return FileColumns(spark_kinds, odd | inexact, beyond_spark(kinds))


def beyond_spark(kinds: Mapping[str, pa.DataType]) -> dict[str, str]:
    """The columns that Spark cannot read, and why, by the types that Arrow gives them."""
    reasons = {name: f"it has type {kind}" for name, kind in kinds.items() if _is_beyond_spark(kind)}
    for alike in clashing(kinds):
        reasons |= dict.fromkeys(alike, f"the names of columns {' and '.join(alike)} differ by case only")
    return reasons


def _is_beyond_spark(kind: pa.DataType) -> bool:
    return bool(pa.types.is_time(kind) or (pa.types.is_timestamp(kind) and kind.unit == "ns"))


def without_null_types(kinds: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """The same types, with text for columns that have no value in any file."""
    return {name: pa.string() if pa.types.is_null(kind) else kind for name, kind in kinds.items()}


def is_exact(kind: pa.DataType) -> bool:
    """Whether Arrow reads a type of Spark's exactly as Spark does."""
    return kind in _EXACT or (pa.types.is_decimal128(kind) and 0 <= kind.scale <= kind.precision)


def spark_kind(kind: pa.DataType) -> pa.DataType:
    """What Spark has for a type of a file; without what only tells how values are kept.

    Times of day are texts, `12:30:00.000000`, as they are in formats of text.
    """
    if pa.types.is_time(kind):
        return pa.string()
    if pa.types.is_dictionary(kind):
        return spark_kind(kind.value_type)
    if pa.types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= _MOST_DIGITS else kind
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    return pa.string() if str(kind) == "string_view" else _WIDER.get(kind, plain_type(kind))


def typed_batch(batch: pa.RecordBatch, columns: pa.Schema) -> pa.RecordBatch:
    """The same rows with exactly these columns; one that the file lacks is null.

    Raises:
        pa.ArrowInvalid: a value does not fit its type.
    """
    by_name = dict(zip(batch.schema.names, batch.columns, strict=True))
    arrays = [
        _converted(by_name[field.name], field) if field.name in by_name else pa.nulls(len(batch), field.type)
        for field in columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def _converted(column: pa.Array, field: pa.Field) -> pa.Array:
    """A column in the type of a field."""
    try:
        return column if column.type == field.type else plain(column).cast(field.type)
    except pa.ArrowException as error:
        raise pa.ArrowInvalid(
            f"column '{field.name}' is {column.type} here and {field.type} in the source, whose files differ, and not "
            f"all of its values are {field.type} ({str(error).rstrip('.')})"
        ) from error
