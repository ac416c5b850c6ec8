"""What one look at all rows tells: the first of two passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import finite, is_finite
from pipeline.arrays.masks import missing_of
from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.errors import DataError, gather
from pipeline.kinds.plan import FeaturePlan
from pipeline.preparation.planning.open_dataset import Opened
from pipeline.preparation.planning.store_spec import StoreRecipe
from pipeline.preparation.rows.fold_roles import WHOLE, Division
from pipeline.preparation.rows.partitions import PartitionAccumulator, PartitionColumns, Partitions, partitions_of
from pipeline.preparation.rows.row_errors import bad_rows_error
from pipeline.preparation.rows.split import LEFT_OUT, QUARANTINED, TEST, TRAIN, VALIDATION
from pipeline.preparation.rows.table import Accumulator, Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.survey.column_statistics import (
    Measured,
    MomentAccumulator,
    merged_parts,
    total,
    train_moments,
)
from pipeline.preparation.survey.feature_inputs import (
    counter_of,
    raw_numbers,
    sampled_numbers,
    slot_columns,
    slot_counts,
)
from pipeline.preparation.survey.label_statistics import LabelStatistics
from pipeline.preparation.survey.sample import SampleAccumulator, rows_of_sample
from pipeline.preparation.survey.split_checks import check_splits
from pipeline.preparation.survey.strata import count_strata, strata_problems
from pipeline.preparation.survey.value_counts import CountAccumulator
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import SPLITS

USED = (TRAIN, VALIDATION, TEST)

_LABEL, _LOG, _KIND, _WEIGHT = "label", "label_log", "label_kind", "weight"
_A_TEXT, _ZERO_OR_ONE = 0.0, 1.0
"""What `_KIND` is of a label; null of other numbers. Of so many columns the query counts the zeros already."""

PLENTY, FEWEST_DRAWN = 2, 1000
"""A task keeps so many times its share of a sample, and so many rows more: pieces are not all alike."""

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

    @cached_property
    def moments(self) -> dict[str, Moments]:
        """Of each number in training rows."""
        return train_moments(self.columns)


@dataclass(frozen=True)
class Gathered:
    """What a look at all rows gives beside the survey, for whoever fits features.

    Attributes:
        moments: by group.
        counts: of the values of texts, partial.
        sample: of numbers, partial.
        partitions: the rows, where they were kept.
    """

    moments: Measured
    counts: Sequence[pa.Table]
    sample: Sequence[pa.Table]
    partitions: Partitions | None = None


def checked_survey(
    recipe: StoreRecipe, opened: Opened, partitions: StoragePath | None = None
) -> tuple[Survey, Gathered]:
    """Look at all rows, and see that they are as configured.

    Args:
        recipe: how a store is made.
        opened: the source.
        partitions: a folder in which rows are kept for later passes; None where they are read again.

    Raises:
        DataError: more rows cannot be used than the budget allows, or a split has no rows.
    """
    query = query_of(recipe, opened)
    first = replace(query, table=replace(query.table, scan=opened.parsed))
    gathered = first.gather(WHOLE, partitions)
    found = query.survey(gathered.moments)
    check_budget(recipe, opened, found)
    check_splits(found.splits, opened.table.split)
    _check_strata(opened.table)
    return found, gathered


def check_budget(recipe: StoreRecipe, opened: Opened, found: Survey) -> None:
    """No more rows are bad than the configuration allows.

    Raises:
        DataError: there are more; it names some of them.
    """
    allowed = recipe.data.bad_rows.allowed(found.rows)
    if found.bad > allowed:
        table, faults = opened.table, opened.table.program.faults
        raise bad_rows_error(table.scan, table.program.inputs, faults, total=found.rows, bad=found.bad, allowed=allowed)


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
    counts = count_strata(table, split.strata, lambda rows: rows.places.split, parts=len(SPLITS), bins=split.bins)
    problems = strata_problems(counts, {SPLITS.index(name): name for name in split.wanted})
    if problems:
        raise DataError(gather("Some strata are too small to be divided", problems))


@dataclass(frozen=True)
class _Asked:
    """What is measured; plain data, which goes to the tasks.

    Attributes:
        plan: the features.
        numbers: the columns that are numbers.
        texts: those texts whose nulls are counted.
        weighted: whether rows have weights.
        log_label: whether moments of log1p(label) are wanted.
    """

    plan: FeaturePlan
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    weighted: bool
    log_label: bool

    def of(self, rows: Rows) -> dict[str, pa.Array]:
        """float64 [n] by name, of n rows."""
        typed = rows.typed
        number, text = typed.label_number, typed.label_text
        measures = {_LABEL: finite(number), _KIND: _kinds(number, text)}
        if self.log_label:
            measures[_LOG] = _log1p(number)
        if self.weighted:
            measures[_WEIGHT] = typed.weight
        measures |= {_SLOTS + name: slot_counts(feature, rows) for name, feature in slot_columns(self.plan).items()}
        measures |= {_COLUMN + name: typed.values[name] for name in self.numbers}
        return measures | {_PRESENT + name: _present(typed.values[name]) for name in self.texts}


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

    def gather(self, division: Division, partitions: StoragePath | None = None) -> Gathered:
        """Run it, by the groups of a division; rows are kept in `partitions`, where that is given."""
        asked = _Asked(self.plan, self.table.numbers, self._texts, self.weighted, self.log_label)
        counter, names = counter_of(self.plan, division), sampled_numbers(self.plan)
        most = PLENTY * rows_of_sample(len(names)) // self.table.scan.parts + FEWEST_DRAWN
        questions: dict[str, Callable[[], Accumulator]] = {
            "moments": lambda: MomentAccumulator(asked.of, division.column),
            "counts": lambda: CountAccumulator(counter),
            "sample": lambda: SampleAccumulator(names, raw_numbers, division, most if names else 0),
        }
        if partitions is None:
            return _gathered(self.table.gather(questions))
        columns, folder, groups = self._partition_columns(division.column), partitions.uri, division.used[-1] + 1
        questions["partitions"] = lambda: PartitionAccumulator(folder, columns, groups)
        found = self.table.gather(questions)
        return replace(_gathered(found), partitions=partitions_of(found["partitions"], columns))

    def _partition_columns(self, column: str) -> PartitionColumns:
        """What features are made of, and what tells where rows belong."""
        inputs = self.table.program.inputs
        numbers = tuple(dict.fromkeys(feature.source for feature in self.plan.numeric))
        texts = tuple(dict.fromkeys(source for feature in self.plan.categorical for source in feature.sources))
        keyed = inputs.data is not None and bool(inputs.data.key)
        return PartitionColumns(numbers, texts, column, keyed=keyed, seed=self.table.seed)

    def survey(self, found: Measured) -> Survey:
        """What the answer, by split, tells."""
        table = self.table
        rows = {index: statistics.rows for index, statistics in found.get(_LABEL, {}).items()}
        return Survey(
            rows=sum(rows.values()),
            bad=rows.get(QUARANTINED, 0),
            left_out=rows.get(LEFT_OUT, 0),
            splits={name: rows.get(index, 0) for index, name in enumerate(SPLITS)},
            columns={name: found.get(_COLUMN + name, {}) for name in table.numbers},
            label=_label_of(found),
            weight=found.get(_WEIGHT, {}).get(TRAIN, ColumnStatistics()).moments if self.weighted else Moments(),
            slots={name: _most(found.get(_SLOTS + name, {})) for name in slot_columns(self.plan)},
            nulls={name: _good(found.get(_COLUMN + name, {})).nulls for name in table.numbers}
            | {name: _good(found.get(_PRESENT + name, {})).nulls for name in self._texts},
        )

    @property
    def _texts(self) -> tuple[str, ...]:
        return self.table.texts if self.count_nulls else ()


def _gathered(found: Mapping[str, list[pa.Table]]) -> Gathered:
    return Gathered(merged_parts(found["moments"]), found["counts"], found["sample"])


def _kinds(number: pa.Array, text: pa.Array) -> pa.Array:
    """`_A_TEXT` or `_ZERO_OR_ONE`, null for other labels."""
    is_flag = pc.is_in(pc.add(number, 0.0), pa.array([0.0, 1.0]))
    return pc.case_when(pc.make_struct(text.is_valid(), is_flag), _A_TEXT, _ZERO_OR_ONE)


def _log1p(label: pa.Array) -> pa.Array:
    known = pc.if_else(pc.and_(is_finite(label), pc.greater(label, -1.0)), label, pa.scalar(None, pa.float64()))
    return pc.log1p(known)


def _present(text: pa.Array) -> pa.Array:
    """1, or null."""
    return pa.array(np.ones(len(text)), mask=missing_of(text))


def _label_of(found: Measured) -> LabelStatistics:
    numbers, kinds = (
        total(statistics for index, statistics in found.get(name, {}).items() if index in USED)
        for name in (_LABEL, _KIND)
    )
    texts = kinds.moments.zeros
    moments = train_moments({name: found.get(name, {}) for name in (_LABEL, _LOG)})
    return LabelStatistics(
        numbers=numbers.rows - numbers.nulls,
        texts=texts,
        zero_one=kinds.moments.count - texts,
        train=moments[_LABEL],
        train_log=moments[_LOG],
    )


def _good(groups: Mapping[int, ColumnStatistics]) -> ColumnStatistics:
    return total(statistics for index, statistics in groups.items() if index != QUARANTINED)


def _most(groups: Mapping[int, ColumnStatistics]) -> int:
    return int(groups[TRAIN].moments.high or 0) if TRAIN in groups else 0
