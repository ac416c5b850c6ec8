"""The profile of a store as a page for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.formatting import format_share
from pipeline.report.html import render
from pipeline.report.text import sentence, value_text
from pipeline.schemas.audit import LeakAudit
from pipeline.schemas.profile import DataProfile, TextProfile

MOST_DRIFT = 10
"""Columns of the table of drift."""
CHANGED = 0.1
"""A population stability index above this is highlighted."""
SHOWN_QUANTILES = (0, 2, 3, 4, 6)
"""Positions in `contract.profile.QUANTILES` of the quantiles that have a column: 1 %, quartiles and 99 %."""
BAR = 90
"""Width of the longest bar of a card, in pixels."""


@dataclass(frozen=True)
class CardLine:
    """How often a value occurs.

    Attributes:
        name: the value, or what the line counts.
        rows: number of rows that have it.
        length: length of the bar, in pixels.
        is_rest: whether it counts all other values, or missing ones.
    """

    name: str
    rows: int
    length: int
    is_rest: bool = False


@dataclass(frozen=True)
class Card:
    """A text column.

    Attributes:
        name: of the feature.
        about: what a reader must know about the lines.
        rows: number of rows that shares refer to.
        lines: the most frequent values, then all others and missing ones.
    """

    name: str
    about: str
    rows: int
    lines: Sequence[CardLine]

    @classmethod
    def of(cls, column: TextProfile) -> Card:
        """The card of a column."""
        return cls(column.name, "; ".join(_facts(column)), column.rows, _lines(column))


def profile_page(name: str, source: str, profile: DataProfile, audit: LeakAudit | None) -> str:
    """One HTML document without scripts and external resources.

    Args:
        name: name of the experiment.
        source: where the rows came from.
        profile: the profile to show.
        audit: the leak audit; None shows no such section.
    """
    return render(
        "profile.html",
        name=name,
        source=source,
        profile=profile,
        audit=audit,
        drift=[report for report in profile.drift if report.columns],
        label_card=Card.of(profile.label) if isinstance(profile.label, TextProfile) else None,
        cards=[Card.of(column) for column in profile.texts],
        shown_quantiles=SHOWN_QUANTILES,
        most_drift=MOST_DRIFT,
        changed=CHANGED,
    )


def _facts(column: TextProfile) -> Iterator[str]:
    if column.sources != (column.name,):
        yield f"of {', '.join(map(value_text, column.sources))}"
    if column.distinct is not None:
        yield f"{column.distinct:,} distinct"
    if column.unknown:
        yield f"{format_share(column.unknown, column.rows)} outside the vocabulary"
    if column.note:
        yield sentence(column.note)


def _lines(column: TextProfile) -> list[CardLine]:
    most = max(*(value.count for value in column.values), column.rest, column.nulls, 1)

    def line(name: str, rows: int, *, is_rest: bool = False) -> CardLine:
        return CardLine(name, rows, round(BAR * rows / most), is_rest)

    lines = [line(value.value, value.count) for value in column.values]
    if column.rest:
        lines.append(line("all others" if column.values else "all values", column.rest, is_rest=True))
    if column.nulls:
        lines.append(line("missing", column.nulls, is_rest=True))
    return lines
