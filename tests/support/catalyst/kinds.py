"""Types of columns, as `arrays/text_types.py` and `arrays/cells.py` find them."""

from __future__ import annotations

from collections.abc import Mapping

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    IntegralType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from pipeline.schemas.source_contract import ColumnType
from pipeline.schemas.tokens import FALSE, TRUE
from tests.support.catalyst.convert import plain_number_of

SHARE = 0.99
_DATE, _TIME = r"^\d{4}-\d{2}-\d{2}$", r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"


def type_of(kind: DataType) -> ColumnType:
    """What a Spark type is called; anything that is none of the others counts as text."""
    match kind:
        case BooleanType():
            return "boolean"
        case IntegralType():
            return "integer"
        case NumericType():
            return "number"
        case DateType():
            return "date"
        case TimestampType() | TimestampNTZType():
            return "timestamp"
    return "text"


def seen_types(rows: DataFrame) -> dict[str, ColumnType]:
    """The type of every column of texts."""
    texts = F.array(*(F.col(name) for name in rows.columns))
    long = rows.select(F.posexplode(texts).alias("column", "text"))
    value = F.trim("text")
    number = plain_number_of(value, StringType())
    found = long.groupBy("column").agg(
        F.count("text").alias("present"),
        F.count(number).alias("number"),
        F.count_if(value.rlike(r"^[+-]?\d{1,15}$")).alias("integer"),
        F.count_if(value.isin(*TRUE, *FALSE)).alias("boolean"),
        F.count_if(is_date_text(value)).alias("date"),
        F.count_if(is_time_text(value)).alias("timestamp"),
    )
    by_place: Mapping[int, Row] = {row["column"]: row for row in found.collect()}
    return {name: _most(by_place.get(place)) for place, name in enumerate(rows.columns)}


def is_date_text(text: Column) -> Column:
    """Whether a text is laid out as a date."""
    return text.rlike(_DATE)


def is_time_text(text: Column) -> Column:
    """Whether a text is laid out as a date with or without a time of day."""
    return text.rlike(_TIME)


def _most(row: Row | None) -> ColumnType:
    """Numbers and dates are told apart so strictly that all but broken values keep to the type."""
    if row is None or not row["present"]:
        return "text"
    enough = SHARE * row["present"]
    if row["boolean"] + row["number"] >= enough:
        if not row["number"]:
            return "boolean"
        return "integer" if row["integer"] == row["number"] else "number"
    if row["timestamp"] >= enough:
        return "date" if row["date"] == row["timestamp"] else "timestamp"
    return "text"
