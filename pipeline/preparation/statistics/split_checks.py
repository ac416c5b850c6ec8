"""Checks that no split is empty, and warns of splits that are much larger or smaller than configured."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pipeline.errors import DataError, Problem, gather
from pipeline.formatting import counted
from pipeline.preparation.rows.split import ResolvedSplit

log = logging.getLogger(__name__)

UNEVEN_ABOVE_ROWS, UNEVEN_BY = 1000, 0.05


def check_splits(splits: Mapping[str, int], split: ResolvedSplit, *, bad: int, left_out: int, filtered: bool) -> None:
    """Check that there are rows, and that every wanted split has some.

    Args:
        splits: number of rows of each split.
        split: how rows are divided.
        bad: number of rows that cannot be used.
        left_out: number of rows that are in no split.
        filtered: whether `data.filter` is set.

    Raises:
        DataError: naming each empty split.
    """
    rows = sum(splits.values())
    if not rows:
        raise DataError(_no_rows(bad, left_out, filtered=filtered))
    problems = [_empty_split(name, rows, split) for name in split.wanted if not splits[name]]
    if problems:
        raise DataError(gather("The data does not meet the configuration", problems))
    _warn_if_uneven(splits, split)


def _no_rows(bad: int, left_out: int, *, filtered: bool) -> str:
    if not bad and not left_out:
        return "The source has columns and no row. Correct data.source."
    if not left_out:
        return f"No row is left: {counted(bad, 'row')} cannot be used. Repair the data."
    setting = "data.filter" if filtered else "split"
    others = f" of {left_out + bad:,}, and the others cannot be used" if bad else " of the source"
    return f"No row is left: {setting} leaves out {counted(left_out, 'row')}{others}. Correct {setting}."


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
