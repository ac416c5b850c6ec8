"""Dates that become numbers: the section `features.dates`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pipeline.schemas.date_layout import date_layout
from pipeline.schemas.section import LATER, Columns, OneOrMore, Section

DatePart = Literal["year", "quarter", "month", "day", "weekday", "day_of_year", "hour", "days"]


class DateConfig(Section):
    """Dates from which numbers are derived.

    Attributes:
        columns: dates or timestamps, or texts that hold them in ISO 8601: `2024-03-01`, `20240301`, and the first with
            a time, `2024-03-01 12:30:00` or with a `T` for the space, perhaps without seconds, with a fraction of
            them, and with `Z` or an offset like `+02:00`, of which parts are those in UTC. Another text makes the row
            a bad one (`data.bad_rows`).
        parts: become columns `NAME_PART`; `weekday` is 0 on Monday, `days` are days since 1970-01-01.
        cyclic: adds for each part with a period (quarter, month, day, weekday, day_of_year, hour) the sine and cosine
            of its position in it, `NAME_PART_sin` and `NAME_PART_cos`, instead of the part itself.
        since: a date column, or a date: adds `NAME_since`, the days between.
        format: of texts that are not ISO 8601, such as `dd/MM/yyyy` or `M/d/yyyy HH:mm`; ISO texts are read as well.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    parts: Annotated[tuple[DatePart, ...], OneOrMore] = ("year", "month", "weekday")
    cyclic: bool = False
    since: str | None = None
    format: Annotated[str | None, LATER] = None

    @field_validator("format")
    @classmethod
    def _is_layout(cls, value: str | None) -> str | None:
        if value is not None:
            date_layout(value)
        return value
