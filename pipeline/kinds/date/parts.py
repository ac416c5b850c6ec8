"""Dates of the configuration, taken apart: expressions of their parts, without a fit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pipeline.kinds.date.config import DateConfig, DatePart
from pipeline.schemas.expression import CallNode, ColumnNode, DerivedColumn, Node, NumberNode, TextNode

PERIODS: Mapping[DatePart, tuple[float, float]] = {
    "quarter": (1.0, 4.0),
    "month": (1.0, 12.0),
    "day": (1.0, 31.0),
    "weekday": (0.0, 7.0),
    "day_of_year": (1.0, 366.0),
    "hour": (0.0, 24.0),
}
"""The first value of each part that comes round, and how many there are."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?")


def dates_of(config: DateConfig, columns: Sequence[str] | None = None) -> tuple[DerivedColumn, ...]:
    """The derived columns of dates, all numbers: column by column, its parts in their order, then `NAME_since`.

    Args:
        config: names the parts.
        columns: dates, read as texts; None takes those that `config` names.

    Raises:
        ValueError: `since` looks like a date and is none.
    """
    return tuple(
        DerivedColumn(name=f"{column}_{suffix}", type="number", expression=node)
        for column in (config.columns if columns is None else columns)
        for suffix, node in _derived(_days(_iso(column, config.format)), config)
    )


def _derived(days: Node, config: DateConfig) -> Iterator[tuple[str, Node]]:
    for part in config.parts:
        value = _call("floor" if part == "days" else part, days)
        if config.cyclic and part in PERIODS:
            angle = _angle(value, *PERIODS[part])
            yield f"{part}_sin", _call("sin", angle)
            yield f"{part}_cos", _call("cos", angle)
        else:
            yield part, value
    if config.since is not None:
        yield "since", _call("add", _call("floor", days), _call("negate", _call("floor", _days(_start(config)))))


def _iso(column: str, layout: str | None) -> Node:
    """The text of a column, in ISO 8601 where it has another layout."""
    text = ColumnNode(name=column, type="text")
    return text if layout is None else _call("iso_date", text, TextNode(value=layout))


def _start(config: DateConfig) -> Node:
    """A date where it looks like one, else a column."""
    since = config.since or ""
    if not _DATE.fullmatch(since):
        return _iso(since, config.format)
    try:
        datetime.fromisoformat(since)
    except ValueError:
        raise ValueError(f"'{since}' is not in the calendar. Allowed: a date such as 2024-03-01, or a column") from None
    return TextNode(value=since)


def _angle(value: Node, first: float, period: float) -> Node:
    position = _call("add", value, NumberNode(value=-first)) if first else value
    return _call("multiply", position, NumberNode(value=2.0 * math.pi / period))


def _days(text: Node) -> Node:
    return _call("to_days", text)


def _call(function: str, *arguments: Node) -> Node:
    return CallNode(function=function, arguments=arguments)
