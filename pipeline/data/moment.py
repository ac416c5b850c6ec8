"""A column as points in time, on one axis of doubles, and cuts of that axis.

A number is its own place on the axis; a date or a time (ISO 8601, also without its signs, like 20240630T120000) is at
its seconds since 1970-01-01 UTC. One without a zone is taken as UTC, whatever the zone of the session.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import DataType, DateType, NumericType, StringType, TimestampNTZType, TimestampType

from pipeline.config.moment import text_of
from pipeline.data.convert import finite, plain_number_of
from pipeline.errors import ConfigError, DataError, Problem

MOMENT = "__moment"
"""Column: double, the place of a row on the axis of time."""

MIN_CELLS = 100
"""Cuts are sought among the borders of at least so many equal cells between the first and the last moment."""

_DATE_UNITS = (86_400.0, 3600.0, 60.0, 1.0)
_UNIT_NAMES = {86_400.0: "day", 3600.0: "hour", 60.0: "minute", 1.0: "second"}
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


@dataclass(frozen=True)
class TimeColumn:
    """A column that holds moments.

    Attributes:
        column: its safe name.
        name: in the source.
        dated: whether its values are dates and times, not numbers.
    """

    column: str
    name: str
    dated: bool

    def text(self, place: float) -> str:
        """A place on the axis as people write it."""
        return text_of(place) if self.dated else f"{place:.15g}"


def with_moment(rows: DataFrame, time: TimeColumn) -> DataFrame:
    """Add `MOMENT`: in a layer of its own, so that Spark computes it once however often it is used."""
    return rows.withColumn(MOMENT, moment_of(rows, time))


def moment_of(rows: DataFrame, time: TimeColumn) -> Column:
    """Double: where on the axis a row lies; null where its value is missing or cannot be read."""
    kind = rows.schema[time.column].dataType
    column = F.col(time.column)
    if not time.dated:
        return finite(plain_number_of(column, kind))
    return _seconds_of(column, kind)


def open_time(
    rows: DataFrame, column: str, name: str, *, given: Sequence[float | str], gap: float | str | None = None
) -> TimeColumn:
    """Find out whether a column holds dates or numbers: by its type, else by the cuts, else by all of its texts.

    Args:
        rows: with the column.
        column: its safe name.
        name: in the source.
        given: cuts as configured.
        gap: as configured.

    Raises:
        ConfigError: cuts or gap are dates where the column holds numbers, or the other way round.
        DataError: the column's type is neither.
    """
    dated = _dated_by_type(rows.schema[column].dataType, name)
    if dated is None:
        dated = isinstance(given[0], str) if given else _holds_dates(rows, column)
    settings = [*given, *([] if gap is None else [gap])]
    for setting in settings:
        if isinstance(setting, str) != dated:
            allowed = "dates like 2024-06-30, and lengths like 7d" if dated else "numbers"
            remedy = "Write the cuts and the gap of the split alike"
            holds = f"Column '{name}' (data.time) holds {'dates' if dated else 'numbers'}"
            raise ConfigError(str(Problem(holds, allowed, str(setting), remedy)))
    return TimeColumn(column, name, dated)


def _dated_by_type(kind: DataType, name: str) -> bool | None:
    """None for texts, which can hold either."""
    if isinstance(kind, StringType):
        return None
    if isinstance(kind, NumericType):
        return False
    if isinstance(kind, (DateType, TimestampType, TimestampNTZType)):
        return True
    allowed = "dates, times, numbers, or texts that hold them"
    raise DataError(str(Problem(f"Column '{name}' (data.time) has no usable type", allowed, kind.simpleString())))


def _holds_dates(rows: DataFrame, column: str) -> bool:
    """Whether texts are dates rather than numbers, for the most part: one query."""
    counts = [F.count(moment_of(rows, TimeColumn(column, column, dated))) for dated in (False, True)]
    found = rows.agg(*counts).first()
    assert found is not None
    return bool(found[1] >= found[0])


def find_cuts(rows: DataFrame, time: TimeColumn, shares: Sequence[float]) -> tuple[tuple[float, ...], str]:
    """Cuts that come closest to given shares of the rows before them; two queries.

    A cut is the beginning of a cell that has rows. Cells are a day, hour, minute or second long, or a power of ten for
    numbers, so that there are at least `MIN_CELLS` of them; the result depends on nothing but the values.

    Args:
        rows: with the time column.
        time: the column.
        shares: ascending, between 0 and 1.

    Returns:
        The cuts, ascending, and the length of a cell in words.

    Raises:
        DataError: there are too few different times.
    """
    rows = with_moment(rows.select(time.column), time).where(F.col(MOMENT).isNotNull())
    ends = rows.agg(F.min(MOMENT).alias("low"), F.max(MOMENT).alias("high")).first()
    assert ends is not None
    if ends["low"] is None:
        raise DataError(f"Column '{time.name}' (data.time) has no time in any row. Correct data.time.")
    unit = _unit_of(ends["high"] - ends["low"], dated=time.dated)
    cell = F.floor(F.col(MOMENT) / F.lit(unit)).alias("cell")
    counts = sorted(tuple(row) for row in rows.groupBy(cell).count().collect())
    if len(counts) <= len(shares):
        what = f"Column '{time.name}' (data.time) has {len(counts)} different times"
        raise DataError(f"{what}, too few for {len(shares)} cuts. Give more rows, or divide them otherwise.")
    cells, sizes = np.array(counts, dtype=np.int64).T
    return tuple(_rounded(cells[i], unit) for i in closest_cuts(sizes, shares)), _unit_name(unit, dated=time.dated)


def closest_cuts(sizes: npt.NDArray[np.int64], shares: Sequence[float]) -> list[int]:
    """Indices of cells, ascending and not 0, before which the share of the rows is closest to each of `shares`.

    Args:
        sizes: rows of each cell; more cells than shares.
        shares: ascending.
    """
    before = np.cumsum(sizes) - sizes
    chosen = [0]
    for left, share in enumerate(shares, start=1 - len(shares)):
        first, last = chosen[-1] + 1, len(sizes) + left
        chosen.append(first + int(np.argmin(np.abs(before[first:last] - share * sizes.sum()))))
    return chosen[1:]


def _unit_of(extent: float, *, dated: bool) -> float:
    if dated:
        return next((unit for unit in _DATE_UNITS if extent >= MIN_CELLS * unit), _DATE_UNITS[-1])
    return 10.0 ** math.floor(math.log10(extent / MIN_CELLS)) if extent else 1.0


def _unit_name(unit: float, *, dated: bool) -> str:
    return f"1 {_UNIT_NAMES[unit]}" if dated else f"{unit:g}"


def _rounded(cell: int, unit: float) -> float:
    """The beginning of a cell, without the last digits that a product of powers of ten leaves."""
    return round(cell * unit, max(0, -math.floor(math.log10(unit))))


def _seconds_of(column: Column, kind: DataType) -> Column:
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
