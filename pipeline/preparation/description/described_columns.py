"""The columns of a source as a survey finds them: what they hold, and what they may be used for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from pipeline.arrays.cells import category_of, finite, is_missing, number_of
from pipeline.errors import DataError, Problem, nearest
from pipeline.preparation.audit.single_feature import single_feature_scores
from pipeline.preparation.audit.store_audit import NEARLY_PERFECT
from pipeline.preparation.planning.column_choice import (
    constant_columns,
    unfit_columns,
    unsuitable_columns,
)
from pipeline.preparation.reading.survey import Survey
from pipeline.schemas.source_contract import DATES, ColumnType
from pipeline.schemas.target import TARGETS

Use = Literal["numeric", "categorical", "dates", "label", "role", "none"]


@dataclass(frozen=True)
class DescribedColumn:
    """A column.

    Attributes:
        name: in the source.
        type: None where it is nested.
        use: what a first configuration makes of it.
        reason: why it is left out; empty where it is not.
        nulls: number of rows without a value.
        present: number of rows of the sample that have one.
        distinct: number of different values in the sample.
        examples: the most frequent values.
        score: how well it alone predicts the label, see `single_feature_scores`; None where that was not measured.
    """

    name: str
    type: ColumnType | None
    use: Use
    reason: str = ""
    nulls: int = 0
    present: int = 0
    distinct: int = 0
    examples: tuple[str, ...] = ()
    score: float | None = None


def describe_columns(
    survey: Survey, names: Sequence[str], *, label: str | None, roles: Sequence[str] = ()
) -> tuple[DescribedColumn, ...]:
    """Describe all columns of a source, in its order.

    Args:
        survey: of the columns whose names are unique.
        names: names of all columns.
        label: the label; None where it is not known yet.
        roles: columns with another role.
    """
    reasons = unsuitable_columns(survey) | constant_columns(survey) | unfit_columns(names, survey.nested)
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    reasons |= dict.fromkeys(repeated, "several columns have this name")
    described = []
    for name in dict.fromkeys(names):
        column = _described(survey, name) if name in survey.types else DescribedColumn(name, None, "none")
        if name == label or name in roles:
            column = replace(column, use="label" if name == label else "role")
        elif name in reasons:
            column = replace(column, use="none", reason=reasons[name])
        described.append(column)
    return tuple(described)


def reasons_of(columns: Sequence[DescribedColumn]) -> dict[str, str]:
    """Why columns are left out, by name."""
    return {column.name: column.reason for column in columns if column.reason}


def missing_label(name: str, names: Sequence[str]) -> DataError:
    """The error of a label that is no column; an unnamed column cannot be meant."""
    remedy = nearest(name, [other for other in names if other])
    return DataError(str(Problem(f"Column '{name}' (the label) is not in the source", remedy=remedy)))


def score_columns(
    columns: Sequence[DescribedColumn], survey: Survey, label: str, task: str
) -> tuple[DescribedColumn, ...]:
    """The same columns with their scores; those that predict the label nearly perfectly are left out."""
    sample = survey.sample.filter(pa.array(~is_missing(survey.sample[label].combine_chunks())))
    numbers = {column.name: numbers_of(sample, column.name) for column in columns if column.use == "numeric"}
    texts = {column.name: texts_of(sample, column.name) for column in columns if column.use == "categorical"}
    classes = TARGETS.get(task).has_classes
    target = texts_of(sample, label) if classes else numbers_of(sample, label)
    scores = single_feature_scores(numbers, texts, np.array(target, str) if classes else target, task)
    measure = "area under the ROC curve" if classes else "R²"
    return tuple(_scored(column, scores, measure) for column in columns)


def _scored(column: DescribedColumn, scores: Mapping[str, float], measure: str) -> DescribedColumn:
    score = scores.get(column.name)
    if score is None or score <= NEARLY_PERFECT:
        return replace(column, score=score)
    reason = f"it predicts the label nearly perfectly ({measure} {score:.4f}), perhaps since it is known only with it"
    return replace(column, score=score, use="none", reason=reason)


def _described(survey: Survey, name: str) -> DescribedColumn:
    facts, kind = survey.facts[name], survey.types[name]
    use: Use = "categorical" if kind == "text" else "dates" if kind in DATES else "numeric"
    return DescribedColumn(name, kind, use, "", survey.nulls[name], facts.present, facts.distinct, facts.examples)


def numbers_of(sample: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The values of a column as numbers, NaN where there is none."""
    values = finite(number_of(sample[name].combine_chunks())).to_numpy(zero_copy_only=False)
    return np.asarray(values, np.float64)


def texts_of(sample: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """The values of a column as texts, None where there is none."""
    return np.asarray(category_of(sample[name].combine_chunks()).to_numpy(zero_copy_only=False), object)
