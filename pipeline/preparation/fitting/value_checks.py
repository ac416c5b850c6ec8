"""What fitting needs to hold: every number has values, which the store's types can hold, and the label varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.errors import DataError, Problem, gather
from pipeline.kinds.feature import NumberFeature
from pipeline.kinds.plan import FeaturePlan
from pipeline.kinds.registry import number_arrays_of
from pipeline.preparation.rows.split import TEST, TRAIN, VALIDATION
from pipeline.preparation.statistics.column_statistics import Measured, total
from pipeline.preparation.statistics.label_statistics import LabelStatistics
from pipeline.schemas.expression import columns_of


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
    sources = {
        column.name: dict.fromkeys(each.name for each in columns_of(column.expression)) for column in plan.derived
    }
    problems = [_empty(name, tuple(sources.get(name, ()))) for name in empty]
    if problems:
        raise DataError(gather("The data does not hold what the configuration asks for", problems))


def _empty(name: str, sources: Sequence[str]) -> Problem:
    made_of = f", made of {' and '.join(repr(source) for source in sources)}," if sources else ""
    return Problem(f"Column '{name}'{made_of} has no number in any training row", remedy="Leave it out")


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
        problems.append(Problem(f"Label '{name}' is not a number in {label.texts} of {rows} rows", remedy=remedy))
    if label.train.std == 0.0:
        problems.append(
            Problem(f"Label '{name}' is {label.train.low:g} in every training row", remedy="Correct data.label")
        )
    if problems:
        raise DataError(gather(f"Label '{name}' cannot be learned", problems))
