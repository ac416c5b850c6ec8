"""What must hold before anything is written: names before the first row is read, values after the first query."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pipeline.arrays.cells import is_usable
from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.errors import DataError, Problem, gather, nearest
from pipeline.kinds.feature import NumberFeature
from pipeline.kinds.plan import FeaturePlan
from pipeline.kinds.registry import number_arrays_of
from pipeline.kinds.state import RawColumn
from pipeline.preparation.fitting.label import LabelStatistics
from pipeline.preparation.reading.raw import RawColumns
from pipeline.preparation.rows.split import TEST, TRAIN, VALIDATION, ResolvedSplit
from pipeline.preparation.survey.column_statistics import Measured, total

log = logging.getLogger(__name__)

UNEVEN_ABOVE_ROWS, UNEVEN_BY = 1000, 0.05


def check_names(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Every wanted column is there exactly once, and can be told from the other ones.

    Raises:
        DataError: naming each that is not.
    """
    problems = [problem for name in wanted if (problem := _name_problem(name, names))]
    for alike in clashing(wanted):
        shown = " and ".join(f"'{name}'" for name in alike)
        problems.append(Problem(f"Columns {shown} differ by case only", remedy="Rename one; Parquet needs it"))
    if problems:
        raise DataError(gather("The source does not have the columns that the configuration names", problems))


def clashing(names: Iterable[str]) -> list[list[str]]:
    """Names that are equal, or differ by case only, which Parquet's readers do not tell apart; together."""
    by_folded: dict[str, list[str]] = {}
    for name in names:
        by_folded.setdefault(name.lower(), []).append(name)
    return [alike for alike in by_folded.values() if len(alike) > 1]


def _name_problem(name: str, names: Sequence[str]) -> Problem | None:
    count = Counter(names)[name]
    if count > 1:
        return Problem(f"Column '{name}' is in the source {count} times", "once", remedy="Rename the others")
    if count == 1:
        return None
    other_case = [known for known in names if known.lower() == name.lower()]
    if other_case:
        remedy = f"Names are compared with their case: write '{other_case[0]}'"
        return Problem(f"Column '{name}' is not in the source", remedy=remedy)
    return Problem(f"Column '{name}' is not in the source", remedy=nearest(name, names))


def check_types(raw: RawColumns, typed: Iterable[RawColumn]) -> None:
    """Every column has a type that its role can use.

    Raises:
        DataError: naming each that has not.
    """
    numeric = {column.name for column in typed if column.type == "number"}
    problems = []
    for name in raw.names:
        kind = raw.kinds[name]
        if not is_usable(kind, numeric=name in numeric):
            allowed = "a number, true/false, or text that holds numbers" if name in numeric else "a plain value"
            remedy = "Convert it, or leave it out"
            problems.append(Problem(f"Column '{name}' has no usable type", allowed, str(kind), remedy))
    if problems:
        raise DataError(gather("Some columns have a type that cannot be used", problems))


def check_splits(splits: Mapping[str, int], split: ResolvedSplit) -> None:
    """There are rows, in every split that should have some.

    Args:
        splits: rows of each split.
        split: what decided.

    Raises:
        DataError: naming each split that has none.
    """
    rows = sum(splits.values())
    if not rows:
        raise DataError("The source has columns and no row. Correct data.source.")
    problems = [_empty_split(name, rows, split) for name in split.wanted if not splits[name]]
    if problems:
        raise DataError(gather("The data does not hold what the configuration asks for", problems))
    _warn_if_uneven(splits, split)


def check_numbers(plan: FeaturePlan, moments: Mapping[str, Moments]) -> None:
    """Every number has a value to learn from.

    Raises:
        DataError: naming each that has none.
    """
    empty = dict.fromkeys(
        feature.source
        for feature in plan.numeric
        if not moments[feature.source].count and feature.group.impute != "constant"
    )
    problems = [Problem(f"Column '{name}' has no number in any training row", remedy="Leave it out") for name in empty]
    if problems:
        raise DataError(gather("The data does not hold what the configuration asks for", problems))


def check_ranges(features: Sequence[NumberFeature], columns: Measured) -> None:
    """The store's float32 columns can hold every value of every split.

    Args:
        features: the fitted features.
        columns: of each number, by split.

    Raises:
        DataError: naming each column that they cannot.
    """
    problems = []
    for feature in features:
        seen = total(columns[feature.source].get(split, ColumnStatistics()) for split in (TRAIN, VALIDATION, TEST))
        ends = [end for end in (seen.moments.low, seen.moments.high) if end is not None]
        beyond = number_arrays_of(feature.kind).beyond_float32(feature, ends)
        if beyond:
            low, high = beyond
            what = f"Column '{feature.name}' goes from {low:g} to {high:g}, which float32 cannot hold scaled"
            problems.append(Problem(what, remedy="Set clip: {low: ..., high: ...}, or shape: log1p"))
    if problems:
        raise DataError(gather("The data does not hold what the configuration asks for", problems))


def check_regression(name: str, label: LabelStatistics) -> None:
    """The label is a number that varies.

    Raises:
        DataError: naming everything that does not hold.
    """
    problems = []
    if label.texts:
        remedy = "Repair the data, or set data.task: binary or multiclass"
        rows = label.texts + label.numbers
        problems.append(Problem(f"Label '{name}' is no number in {label.texts} of {rows} rows", remedy=remedy))
    if label.train.std == 0.0:
        problems.append(
            Problem(f"Label '{name}' is {label.train.low:g} in every training row", remedy="Correct data.label")
        )
    if problems:
        raise DataError(gather(f"Label '{name}' cannot be learned", problems))


def _empty_split(name: str, rows: int, split: ResolvedSplit) -> Problem:
    if name not in split.shares:
        return Problem(f"Split '{name}' gets none of {rows} rows", remedy="Correct the section split")
    remedy = "Give more rows, or a larger share in split.fractions"
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
