"""All that is said of a source before anything is configured, for a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.preparation.description.described_columns import (
    DescribedColumn,
    describe_columns,
    numbers_of,
    score_columns,
    texts_of,
)
from pipeline.preparation.description.draft import task_of
from pipeline.preparation.description.relations import (
    MissingPattern,
    Pair,
    correlated_pairs,
    duplicate_rows,
    missing_patterns,
)
from pipeline.preparation.profile.bins import histogram_of
from pipeline.preparation.profile.store_profile import TOP_VALUES
from pipeline.preparation.reading.survey import Survey
from pipeline.schemas.profile import QUANTILES, NumberProfile, Summary, TextProfile, ValueCount


@dataclass(frozen=True)
class TableDescription:
    """A source as a sample of its rows shows it.

    Attributes:
        rows: number of rows of the source.
        sample_rows: number of rows of the sample.
        columns: all columns.
        task: of the label; empty without a label.
        numbers: the profile of each number in the sample.
        texts: the profile of each text in the sample, and of dates.
        pairs: columns that go together.
        patterns: columns that are missing together.
        duplicates: rows that equal an earlier one.
    """

    rows: int
    sample_rows: int
    columns: tuple[DescribedColumn, ...]
    task: str
    numbers: tuple[NumberProfile, ...]
    texts: tuple[TextProfile, ...]
    pairs: tuple[Pair, ...]
    patterns: tuple[MissingPattern, ...]
    duplicates: int

    @property
    def related(self) -> list[DescribedColumn]:
        """The columns that were compared with the label, the best first."""
        scored = [column for column in self.columns if column.score is not None]
        return sorted(scored, key=lambda column: -(column.score or 0.0))


def describe_table(survey: Survey, names: Sequence[str], label: str | None) -> TableDescription:
    """Describe a source.

    Args:
        survey: of the columns whose names are unique.
        names: names of all columns.
        label: the label; None where there is none.
    """
    columns = describe_columns(survey, names, label=label)
    task, sample = "", survey.sample
    chosen = next((column for column in columns if column.name == label), None)
    if chosen is not None and label is not None and chosen.distinct > 1:
        task = task_of(chosen)
        columns = score_columns(columns, survey, label, task)
    of_numbers = [column for column in columns if column.type in ("number", "integer")]
    of_texts = [column for column in columns if column.type not in ("number", "integer", None)]
    numbers = {column.name: numbers_of(sample, column.name) for column in of_numbers}
    texts = {column.name: texts_of(sample, column.name) for column in of_texts}
    return TableDescription(
        rows=survey.rows,
        sample_rows=sample.num_rows,
        columns=columns,
        task=task,
        numbers=tuple(_number(name, values) for name, values in numbers.items()),
        texts=tuple(_text(name, values) for name, values in texts.items()),
        pairs=tuple(correlated_pairs(numbers, texts)),
        patterns=tuple(missing_patterns(sample)) if sample.num_columns else (),
        duplicates=duplicate_rows(sample),
    )


def _number(name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> NumberProfile:
    finite = np.sort(values[np.isfinite(values)])
    summary = Summary(rows=len(values), nulls=len(values) - len(finite), zeros=int((finite == 0.0).sum()))
    profile = NumberProfile(name=name, splits={"train": summary})
    if not len(finite):
        return profile
    moments = {"low": finite[0], "high": finite[-1], "mean": finite.mean(), "std": finite.std()}
    summary = summary.model_copy(update={key: float(value) for key, value in moments.items()})
    return NumberProfile(
        name=name,
        splits={"train": summary},
        distinct=len(np.unique(finite)),
        quantiles=tuple(np.quantile(finite, QUANTILES).tolist()),
        histogram=histogram_of(finite),
    )


def _text(name: str, values: np.ndarray[tuple[int], np.dtype[np.object_]]) -> TextProfile:
    counts = Counter(value for value in values if value is not None)
    return TextProfile(
        name=name,
        sources=(name,),
        rows=len(values),
        nulls=len(values) - counts.total(),
        distinct=len(counts),
        values=tuple(ValueCount(value=value, count=count) for value, count in counts.most_common(TOP_VALUES)),
    )
