"""Checks that values can be fitted: numbers have values within the range of float32, and the label varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.errors import DataError, Problem, gather
from pipeline.kinds.feature import NumberFeature
from pipeline.kinds.interfaces import number_arrays_of
from pipeline.kinds.plan import FeaturePlan
from pipeline.preparation.rows.split import TEST, TRAIN, VALIDATION
from pipeline.preparation.statistics.column_statistics import Measured, total
from pipeline.preparation.statistics.label_statistics import LabelStatistics
from pipeline.schemas.expression import columns_of


def check_numbers(plan: FeaturePlan, moments: Mapping[str, Moments]) -> None:
    """Check that every number has values in training rows.

    Raises:
        DataError: naming each number that has none.
    """
    empty = dict.fromkeys(
        feature.source
        for feature in plan.numeric
        if not moments[feature.source].count and feature.group.impute != "constant"
    )
    sources = {
        column.name: dict.fromkeys(each.name for each in columns_of(column.expression)) for column in plan.derived
    }
    problems = [_empty(name, tuple(sources.get(name, ()))) for name in empty]
    if problems:
        raise DataError(gather("The data does not meet the configuration", problems))


def _empty(name: str, sources: Sequence[str]) -> Problem:
    made_of = f", made of {' and '.join(repr(source) for source in sources)}," if sources else ""
    return Problem(f"Column '{name}'{made_of} has no number in any training row", remedy="Leave it out")


def check_ranges(features: Sequence[NumberFeature], columns: Measured) -> None:
    """Check that the scaled values of all splits are within the range of float32.

    Args:
        features: the fitted features.
        columns: statistics of each number, by split.

    Raises:
        DataError: naming each column that is not.
    """
    problems = []
    for feature in features:
        statistics = total(
            columns[feature.source].get(split, ColumnStatistics()) for split in (TRAIN, VALIDATION, TEST)
        )
        ends = [end for end in (statistics.moments.low, statistics.moments.high) if end is not None]
        bounds = number_arrays_of(feature.kind).beyond_float32(feature, ends)
        if bounds:
            low, high = bounds
            subject = f"Column '{feature.name}' goes from {low:g} to {high:g}, which float32 cannot hold scaled"
            problems.append(Problem(subject, remedy="Set clip: {low: ..., high: ...}, or shape: log1p"))
    if problems:
        raise DataError(gather("The data does not meet the configuration", problems))


def check_regression(name: str, label: LabelStatistics) -> None:
    """Check that the label is a number in every row, and varies.

    Raises:
        DataError: naming each problem.
    """
    problems = []
    if label.texts:
        remedy = "Repair the data, or set data.task: binary or multiclass"
        rows = label.texts + label.numbers
        problems.append(Problem(f"Label '{name}' is not a number in {label.texts} of {rows} rows", remedy=remedy))
    if label.train.std == 0.0:
        problems.append(
            Problem(f"Label '{name}' is {label.train.low:g} in every training row", remedy="Correct data.label")
        )
    if problems:
        raise DataError(gather(f"Label '{name}' cannot be learned", problems))
