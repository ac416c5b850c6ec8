"""What the columns of a source hold, in the few types that a configuration knows.

A typed source tells by itself. Of a text format every value is looked at: a column is what at least 99 % of its values
are, so that a few broken ones stay bad rows that are named, and do not turn a number into a text without a word. Among
numbers one fraction makes the column a number, not an integer; among dates, one time of day makes it a timestamp.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyspark.sql.functions as F
from pyspark.sql import Column, Row
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

from pipeline.contract.features import FALSE, TRUE
from pipeline.contract.table import ColumnType
from pipeline.data.convert import plain_number_of, without_markers
from pipeline.data.raw import RawTable, SourceTable

SHARE = 0.99
_DATE, _TIME = r"^\d{4}-\d{2}-\d{2}$", r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"


def column_types(table: SourceTable, known: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
    """The type of every column that has a name of its own; of a text format, by one query over all rows.

    Args:
        table: the source.
        known: columns of a text format that need not be looked at.
    """
    names = [name for name in table.names if name and table.names.count(name) == 1]
    if not table.is_text:
        return {name: type_of(table.kinds[name]) for name in names}
    asked = [name for name in names if name not in known]
    found = _seen_types(table.read(asked)) if asked else {}
    return {name: known.get(name) or found[name] for name in names}


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


def _seen_types(raw: RawTable) -> dict[str, ColumnType]:
    texts = F.array(*(without_markers(F.col(raw.column(name)), raw.markers) for name in raw.names))
    long = raw.rows.select(F.posexplode(texts).alias("column", "text"))
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
    return {name: _most(by_place.get(place)) for place, name in enumerate(raw.names)}


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
