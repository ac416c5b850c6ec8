"""Points in time, as `arrays/times.py` has them."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql.types import DataType, StringType, TimestampType

_MICROS = 1e6
_DATE_LENGTH = 10

# Spark takes 202406 for a year, and T12:00 for noon of today.
_DATED = r"^\d{4}(-\d{1,2}-|\d{4}(T|$))"
# With a zone: something before the time, and Z or an offset at the end.
_ZONED = r"^\d[^ T]+[ T].*([Zz]|[+-]\d{2}:?\d{2})$"
_BASIC = r"^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})?([Zz]|[+-]\d{2}:?\d{2})?)?$"
# What the parts that a text leaves out leave behind: "T::" without a time, ":" without seconds.
_LEFTOVER = r"(T:)?:(?=$|[Zz+-])"
_MINUTES_AND_ZONE = r"([T ]\d{2}:\d{2})([Zz+-])"


def seconds_of(column: Column, kind: DataType) -> Column:
    """Double: seconds since 1970 UTC; null where there is no date or time."""
    if isinstance(kind, TimestampType):
        return F.unix_micros(column) / F.lit(_MICROS)
    if isinstance(kind, StringType):
        return _seconds_of_text(F.trim(column))
    return _local_seconds(column.cast("timestamp_ntz"))


def _seconds_of_text(text: Column) -> Column:
    # Looking for a zone and for missing signs takes longer than the rest, and few texts need it.
    zoned = (F.length(text) > F.lit(_DATE_LENGTH)) & text.rlike(_ZONED)
    local = F.coalesce(text.try_cast("timestamp_ntz"), _extended(text).try_cast("timestamp_ntz"))
    instant = F.coalesce(text.try_cast("timestamp"), _extended(text).try_cast("timestamp"))
    return F.when(zoned, F.unix_micros(instant) / F.lit(_MICROS)).when(text.rlike(_DATED), _local_seconds(local))


def _extended(text: Column) -> Column:
    """With what ISO 8601 lets a text leave out and Spark does not: signs, and seconds before a zone."""
    signed = F.regexp_replace(F.regexp_replace(text, _BASIC, "$1-$2-$3T$4:$5:$6$7"), _LEFTOVER, "")
    return F.regexp_replace(F.when(text.rlike(_BASIC), signed).otherwise(text), _MINUTES_AND_ZONE, "$1:00$2")


def _local_seconds(moment: Column) -> Column:
    """By a difference: a cast to an instant would use the zone of the session."""
    return (moment - F.expr("timestamp_ntz'1970-01-01'")).cast("decimal(20,6)").cast("double")
