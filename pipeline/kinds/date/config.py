"""Dates that become numbers: the section `features.dates`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.schemas.section import Columns, OneOrMore, Section

DatePart = Literal["year", "quarter", "month", "day", "weekday", "day_of_year", "hour", "days"]


class DateConfig(Section):
    """Dates that are taken apart into numbers.

    Attributes:
        columns: dates or timestamps, or texts that hold them as `2024-03-01` or `2024-03-01 12:30:00`.
        parts: become columns `NAME_PART`; `weekday` is 0 on Monday, `days` are days since 1970-01-01.
        cyclic: adds for each part with a period (quarter, month, day, weekday, day_of_year, hour) the sine and cosine
            of its place in it, `NAME_PART_sin` and `NAME_PART_cos`, instead of the part itself.
        since: a date column, or a date: adds `NAME_since`, the days between.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    parts: Annotated[tuple[DatePart, ...], OneOrMore] = ("year", "month", "weekday")
    cyclic: bool = False
    since: str | None = None
