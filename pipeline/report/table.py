"""Tables of a page, as texts of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.bars import Bar


@dataclass(frozen=True)
class Table:
    """A table of texts, which are escaped when they are shown.

    Attributes:
        head: names of the columns; the first one holds names.
        rows: of cells, as many as columns.
        beyond: a note on what is left out.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    beyond: str = ""


@dataclass(frozen=True)
class BarLine:
    """A line of a table that ends with a bar.

    Attributes:
        name: of what the line is about.
        cells: numbers, as texts.
        bar: the bar at the end; None for no bar.
    """

    name: str
    cells: Sequence[str]
    bar: Bar | None


@dataclass(frozen=True)
class BarTable:
    """A table whose last column holds bars.

    Attributes:
        head: names of all columns, including those of names and bars.
        lines: the lines, one for each name.
        total: cells of a last line about all rows; empty for no such line.
        beyond: a note on what is left out.
    """

    head: Sequence[str]
    lines: Sequence[BarLine]
    total: Sequence[str] = ()
    beyond: str = ""


def beyond(count: int, noun: str, plural: str = "") -> str:
    """The note of a bounded table on the `count` lines that it leaves out; empty if there are none."""
    if count <= 0:
        return ""
    several = plural or f"{noun}s"
    return f"and {count:,} more {noun if count == 1 else several}, in evaluation.json"
