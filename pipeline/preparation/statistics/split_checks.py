"""Checks that no split is empty, and warns of splits that are much larger or smaller than configured."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pipeline.errors import DataError, Problem, gather
from pipeline.preparation.rows.split import ResolvedSplit

log = logging.getLogger(__name__)

UNEVEN_ABOVE_ROWS, UNEVEN_BY = 1000, 0.05


def check_splits(splits: Mapping[str, int], split: ResolvedSplit) -> None:
    """Check that there are rows, and that every wanted split has some.

    Args:
        splits: number of rows of each split.
        split: how rows are divided.

    Raises:
        DataError: naming each empty split.
    """
    rows = sum(splits.values())
    if not rows:
        raise DataError("The source has columns and no row. Correct data.source.")
    problems = [_empty_split(name, rows, split) for name in split.wanted if not splits[name]]
    if problems:
        raise DataError(gather("The data does not meet the configuration", problems))
    _warn_if_uneven(splits, split)


def _empty_split(name: str, rows: int, split: ResolvedSplit) -> Problem:
    if name not in split.shares:
        return Problem(f"Split '{name}' gets none of {rows} rows", remedy="Correct the section split")
    remedy = "Give more rows, keys or groups, or a larger share in split.fractions"
    return Problem(f"Split '{name}' gets none of {rows} rows, for a share of {split.shares[name]:g}", remedy=remedy)


def _warn_if_uneven(splits: Mapping[str, int], split: ResolvedSplit) -> None:
    rows = sum(splits.values())
    off = [name for name, share in split.shares.items() if abs(splits[name] / rows - share) > UNEVEN_BY]
    if rows < UNEVEN_ABOVE_ROWS or not off:
        return
    reason = "many rows are equal in all columns used; set data.key"
    if split.key or split.groups:
        reason = "a few keys or groups hold many of the rows"
    received = ", ".join(f"{name} {splits[name] / rows:.3f}" for name in split.shares)
    log.warning("The splits got other shares than configured (%s): %s.", received, reason)
