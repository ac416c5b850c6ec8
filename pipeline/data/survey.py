"""What one look at all rows tells: the first of two queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column

from pipeline.data.check import check_splits
from pipeline.data.convert import finite
from pipeline.data.faults import bad_rows_error
from pipeline.data.opening import Opened
from pipeline.data.recipe import StoreRecipe
from pipeline.data.split import LEFT_OUT, SPLIT, TEST, TRAIN, VALIDATION
from pipeline.data.strata import count_strata, strata_problems
from pipeline.data.table import LABEL_NUMBER, LABEL_TEXT, QUARANTINED, WEIGHT_NUMBER, Table
from pipeline.errors import DataError, gather
from pipeline.features.fit import slot_columns, train_moments
from pipeline.features.label import LabelStatistics
from pipeline.features.plan import FeaturePlan
from pipeline.features.statistics import ColumnStatistics, Measured, Moments, measure, total
from pipeline.store.layout import SPLITS

USED = (TRAIN, VALIDATION, TEST)

_LABEL, _LOG, _KIND, _WEIGHT = "label", "label_log", "label_kind", "weight"
_A_TEXT, _ZERO_OR_ONE = 0.0, 1.0
"""What `_KIND` is of a label; null of other numbers. Of so many columns the query counts the zeros already."""

_COLUMN, _SLOTS, _PRESENT = "column:", "slots:", "present:"


@dataclass(frozen=True)
class Survey:
    """Counts and moments.

    Attributes:
        rows: in the source.
        bad: rows that cannot be used.
        left_out: rows that are in no split by the configuration's own will.
        splits: rows of each split.
        columns: of each number, by split.
        label: of the label.
        weight: moments of the weights of training rows.
        slots: how many values a training row has at most, for each multi-valued feature.
        nulls: rows without a value in each raw and derived column, bad rows aside; of texts only where asked for.
    """

    rows: int
    bad: int
    left_out: int
    splits: Mapping[str, int]
    columns: Measured
    label: LabelStatistics
    weight: Moments
    slots: Mapping[str, int]
    nulls: Mapping[str, int]

    def good(self, name: str) -> ColumnStatistics:
        """Of a number in all rows that are not bad; of nothing where it is none."""
        return _good(self.columns.get(name, {}))

    @property
    def moments(self) -> dict[str, Moments]:
        """Of each number in training rows."""
        return train_moments(self.columns)


def checked_survey(recipe: StoreRecipe, opened: Opened) -> Survey:
    """Run the query, and see that its answer is as configured.

    Raises:
        DataError: more rows cannot be used than the budget allows, or a split has no rows.
    """
    query = query_of(recipe, opened)
    found = query.survey(query.ask(SPLIT))
    check_budget(recipe, opened, found)
    check_splits(found.splits, opened.table.split)
    _check_strata(opened.table)
    return found


def check_budget(recipe: StoreRecipe, opened: Opened, found: Survey) -> None:
    """No more rows are bad than the configuration allows.

    Raises:
        DataError: there are more; it names some of them.
    """
    allowed = recipe.data.bad_rows.allowed(found.rows)
    if found.bad > allowed:
        rows = opened.table.rows
        raise bad_rows_error(rows, opened.faults, total=found.rows, bad=found.bad, allowed=allowed)


def query_of(recipe: StoreRecipe, opened: Opened) -> SurveyQuery:
    """The query that a recipe needs."""
    return SurveyQuery(
        opened.table,
        opened.plan,
        weighted=recipe.data.weight is not None,
        count_nulls=recipe.infers_contract,
        log_label=recipe.features.target.transform == "log",
    )


def _check_strata(table: Table) -> None:
    """Every stratum has rows in every split that should have some; one more query, for `split.method: stratified`."""
    split = table.split
    if not split.strata:
        return
    counts = count_strata(table.rows, split.strata, SPLIT, parts=len(SPLITS), bins=split.bins)
    problems = strata_problems(counts, {SPLITS.index(name): name for name in split.wanted})
    if problems:
        raise DataError(gather("Some strata are too small to be divided", problems))


@dataclass(frozen=True)
class SurveyQuery:
    """What is asked of all rows.

    Attributes:
        table: the rows.
        plan: the features.
        weighted: whether rows have weights.
        count_nulls: whether the nulls of texts are wanted.
        log_label: whether moments of log1p(label) are wanted.
    """

    table: Table
    plan: FeaturePlan
    weighted: bool
    count_nulls: bool = False
    log_label: bool = False

    def ask(self, group: str) -> Measured:
        """Run it, by an integer column of groups."""
        table = self.table
        measures = _measures(table, self.plan, weighted=self.weighted, log_label=self.log_label)
        measures |= {_PRESENT + name: F.when(F.col(table.columns[name]).isNotNull(), 1.0) for name in self._texts}
        return measure(table.rows, measures, group)

    def survey(self, found: Measured) -> Survey:
        """What the answer, by split, tells."""
        table = self.table
        label = found[_LABEL]
        rows = {index: statistics.rows for index, statistics in label.items()}
        return Survey(
            rows=sum(rows.values()),
            bad=rows.get(QUARANTINED, 0),
            left_out=rows.get(LEFT_OUT, 0),
            splits={name: rows.get(index, 0) for index, name in enumerate(SPLITS)},
            columns={name: found[_COLUMN + name] for name in table.numbers},
            label=_label_of(found),
            weight=found[_WEIGHT].get(TRAIN, ColumnStatistics()).moments if self.weighted else Moments(),
            slots={name: _most(found[_SLOTS + name]) for name in slot_columns(self.plan, table)},
            nulls={name: _good(found[_COLUMN + name]).nulls for name in table.numbers}
            | {name: _good(found[_PRESENT + name]).nulls for name in self._texts},
        )

    @property
    def _texts(self) -> tuple[str, ...]:
        return self.table.texts if self.count_nulls else ()


def _measures(table: Table, plan: FeaturePlan, *, weighted: bool, log_label: bool) -> dict[str, Column]:
    number, text = F.col(LABEL_NUMBER), F.col(LABEL_TEXT)
    known = finite(number)
    measures = {
        _LABEL: known,
        _KIND: F.when(text.isNotNull(), _A_TEXT).when(number.isin(0.0, 1.0), _ZERO_OR_ONE),
    }
    if log_label:
        measures[_LOG] = F.when(known > -1.0, F.log1p(known))
    if weighted:
        measures[_WEIGHT] = F.col(WEIGHT_NUMBER)
    measures |= {_SLOTS + name: column for name, column in slot_columns(plan, table).items()}
    return measures | {_COLUMN + name: F.col(table.columns[name]) for name in table.numbers}


def _label_of(found: Measured) -> LabelStatistics:
    numbers, kinds = (total(found[name][index] for index in USED if index in found[name]) for name in (_LABEL, _KIND))
    texts = kinds.moments.zeros
    moments = train_moments({name: found[name] for name in (_LABEL, _LOG) if name in found})
    return LabelStatistics(
        numbers=numbers.rows - numbers.nulls,
        texts=texts,
        zero_one=kinds.moments.count - texts,
        train=moments[_LABEL],
        train_log=moments.get(_LOG, Moments()),
    )


def _good(groups: Mapping[int, ColumnStatistics]) -> ColumnStatistics:
    return total(statistics for index, statistics in groups.items() if index != QUARANTINED)


def _most(groups: Mapping[int, ColumnStatistics]) -> int:
    return int(groups[TRAIN].moments.high or 0) if TRAIN in groups else 0
