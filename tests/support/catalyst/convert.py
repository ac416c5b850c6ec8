"""One value, two readings, as `arrays/cells.py` has them: as a number and as the text of a category."""

from __future__ import annotations

from collections.abc import Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    FractionalType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from pipeline.schemas.tokens import FALSE, TRUE

EXACT_INTEGER = float(1 << 53)


def without_markers(text: Column, markers: Sequence[str]) -> Column:
    """Null where a text is one of the null markers, spaces around it aside."""
    return F.when(~F.trim(text).isin(*markers), text) if markers else text


def number_of(column: Column, kind: DataType) -> Column:
    """Double: the number in a column, or null where a text is none; true is 1 and false is 0."""
    if isinstance(kind, StringType):
        flag = F.when(column.isin(*TRUE), 1.0).when(column.isin(*FALSE), 0.0)
        return flag.otherwise(plain_number_of(column, kind))
    if isinstance(kind, BooleanType):
        return column.cast("int").cast("double")
    return column.cast("double")


def plain_number_of(column: Column, kind: DataType) -> Column:
    """Double: like `number_of`, but true and false are no numbers."""
    if isinstance(kind, BooleanType):
        return F.lit(None).cast("double")
    if not isinstance(kind, StringType):
        return column.cast("double")
    # Java also reads its own literals "1d" and "1f" as numbers; the texts of infinity end alike and are meant.
    plain = F.trim(column)
    literal = F.right(plain, F.lit(1)).isin("d", "D", "f", "F") & ~F.lower(plain).isin("inf", "+inf", "-inf")
    return F.when(~literal, column.try_cast("double"))


def category_of(column: Column, kind: DataType) -> Column:
    """String: the text of a category; null for NaN, which a data frame cannot tell from null."""
    if not isinstance(kind, FractionalType):
        return column.cast("string")
    number = column.cast("double")
    return F.when(~F.isnan(number), number_text(number))


def is_missing(column: Column, kind: DataType) -> Column:
    """Boolean: whether `category_of` is null."""
    if not isinstance(kind, FractionalType):
        return column.isNull()
    return column.isNull() | F.isnan(column.cast("double"))


def number_text(number: Column) -> Column:
    """String: a double as text, without a fraction where there is none."""
    whole = (F.floor(number) == number) & (F.abs(number) < EXACT_INTEGER)
    return F.when(whole, number.cast("long").cast("string")).otherwise(number.cast("string"))


def any_of(conditions: Sequence[Column]) -> Column:
    """Boolean: whether one of the conditions holds; of none, false.

    By halves: a chain of 500 conditions is deeper than Java's stack.
    """
    if len(conditions) < 2:
        return conditions[0] if conditions else F.lit(False)
    middle = len(conditions) // 2
    return any_of(conditions[:middle]) | any_of(conditions[middle:])


def any_null(values: Sequence[Column]) -> Column:
    """Boolean: whether one of several values is null."""
    return any_of([value.isNull() for value in values])


def is_usable(kind: DataType, *, numeric: bool) -> bool:
    """Whether a column of this type can be a number (`numeric`) or a category."""
    plain = (NumericType, BooleanType, StringType)
    return isinstance(kind, plain if numeric else (*plain, DateType, TimestampType, TimestampNTZType))


def is_finite(number: Column) -> Column:
    """Whether a double is neither NaN nor infinite; null for null."""
    return number * F.lit(0.0) == F.lit(0.0)


def finite(number: Column) -> Column:
    """Double: the number, or null for NaN and infinities."""
    return F.when(is_finite(number), number)
