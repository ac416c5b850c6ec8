"""Types of Arrow by what their values are, and the few types that values are read from."""

from __future__ import annotations

import pyarrow as pa


def is_text(kind: pa.DataType) -> bool:
    """Whether values are texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether values are numbers; true and false are none."""
    return pa.types.is_integer(kind) or is_fractional(kind)


def is_fractional(kind: pa.DataType) -> bool:
    """Whether Spark has fractions in a column of this type: unsigned integers of 64 bits are decimals there."""
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_uint64(kind))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that `plain` makes of a type."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if is_text(kind):
        return pa.string()
    if pa.types.is_date(kind):
        return pa.date32()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.decimal128(38, kind.scale) if pa.types.is_decimal(kind) and kind.bit_width < 128 else kind
