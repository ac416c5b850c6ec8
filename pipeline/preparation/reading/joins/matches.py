"""How many rows of a left side match, and what is said about it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.joins import JoinConfig
from pipeline.errors import DataError
from pipeline.formatting import counted, format_share, listed
from pipeline.preparation.reading.joins.right_side import shown_key

log = logging.getLogger(__name__)

FEW = 0.5
"""A smaller share of matching rows is warned of."""

Keys = Sequence[Sequence[str | None]]


@dataclass(frozen=True)
class MatchCounts:
    """The rows of a left side that could be read.

    Attributes:
        rows: how many there are.
        found: how many match.
        missed: some keys that match none.
        right: some keys of the right side.
    """

    rows: int
    found: int
    missed: Keys
    right: Keys


def check_matches(counts: MatchCounts, join: JoinConfig, title: str) -> None:
    """Log how many rows match.

    Raises:
        DataError: none does.
    """
    on, rows, found = listed(join.on), counts.rows, counts.found
    missed = listed([shown_key(join.on, key) for key in counts.missed])
    if not found:
        right = listed([shown_key(join.on, key) for key in counts.right])
        raise DataError(
            f"No row matches {title} on {on}. The left side has {missed or 'no key'}; the right side has "
            f"{right or 'no key'}. Correct data.joins, or write keys alike."
        )
    fate = "have nulls" if join.how == "left" else "are left out"
    others = f"; {rows - found:,} match none and {fate}, such as {missed}" if rows > found else ""
    level = logging.WARNING if found < FEW * rows else logging.INFO
    total, share = counted(rows, "row"), format_share(found, rows)
    log.log(level, "Joined %s on %s: %s of %s match (%s)%s.", title, on, f"{found:,}", total, share, others)
