"""The query that collects the statistics of all rows, by the groups of an assignment to folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import finite, is_finite
from pipeline.arrays.masks import missing_of
from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.arrays.text_clues import are_padded
from pipeline.kinds.plan import FeaturePlan
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.partition_columns import PartitionColumns
from pipeline.preparation.rows.partition_writer import PartitionAccumulator
from pipeline.preparation.rows.partitions import partitions_of
from pipeline.preparation.rows.split import LEFT_OUT, QUARANTINED, TEST, TRAIN, VALIDATION
from pipeline.preparation.rows.table import Accumulator, Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.column_statistics import (
    Measured,
    MomentAccumulator,
    merged_parts,
    total,
    train_moments,
)
from pipeline.preparation.statistics.dataset_statistics import CollectedStatistics, DatasetStatistics, good_rows
from pipeline.preparation.statistics.feature_inputs import (
    counter_of,
    raw_numbers,
    sampled_numbers,
    slot_columns,
    slot_counts,
)
from pipeline.preparation.statistics.label_statistics import LabelStatistics
from pipeline.preparation.statistics.sample import SampleAccumulator, rows_of_sample
from pipeline.preparation.statistics.value_counts import CountAccumulator
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import SPLITS

USED = (TRAIN, VALIDATION, TEST)

_LABEL, _LOG, _KIND, _WEIGHT = "label", "label_log", "label_kind", "weight"
_A_TEXT, _ZERO_OR_ONE, _PADDED = 0.0, 1.0, 2.0
"""Values of `_KIND`, which is null for other labels; the query counts zeros of each column anyway."""

PLENTY, FEWEST_DRAWN = 2, 1000
"""A task keeps so many times its share of a sample, and so many more rows, since pieces differ."""

_COLUMN, _SLOTS, _PRESENT = "column:", "slots:", "present:"


def statistics_query(store_spec: StoreSpec, opened: OpenedDataset) -> StatisticsQuery:
    """The query of the statistics that a store needs."""
    return StatisticsQuery(
        opened.table,
        opened.plan,
        weighted=store_spec.data.weight is not None,
        count_nulls=store_spec.infers_contract,
        log_label=store_spec.features.target.transform == "log",
    )


@dataclass(frozen=True)
class _Measures:
    """The columns to measure; plain data, sent to the tasks.

    Attributes:
        plan: the features.
        numbers: names of the columns that are numbers.
        texts: names of the texts whose nulls are counted.
        weighted: whether rows have weights.
        log_label: whether moments of log1p(label) are needed.
    """

    plan: FeaturePlan
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    weighted: bool
    log_label: bool

    def of(self, rows: Rows) -> dict[str, pa.Array]:
        """The measured columns of n rows, float64 [n] by name."""
        typed = rows.typed
        number, text = typed.label_number, typed.label_text
        measures = {_LABEL: finite(number), _KIND: _kinds(number, text, typed.label_spelling)}
        if self.log_label:
            measures[_LOG] = _log1p(number)
        if self.weighted:
            measures[_WEIGHT] = typed.weight
        measures |= {_SLOTS + name: slot_counts(feature, rows) for name, feature in slot_columns(self.plan).items()}
        measures |= {_COLUMN + name: typed.values[name] for name in self.numbers}
        return measures | {_PRESENT + name: _present(typed.values[name]) for name in self.texts}


@dataclass(frozen=True)
class StatisticsQuery:
    """The query of the statistics of all rows.

    Attributes:
        table: the rows.
        plan: the features.
        weighted: whether rows have weights.
        count_nulls: whether nulls of texts are counted.
        log_label: whether moments of log1p(label) are needed.
    """

    table: Table
    plan: FeaturePlan
    weighted: bool
    count_nulls: bool = False
    log_label: bool = False

    def gather(self, assignment: FoldAssignment, partitions: StoragePath | None = None) -> CollectedStatistics:
        """Run the query by the groups of an assignment; keeps the rows in `partitions`, if given."""
        measures = _Measures(self.plan, self.table.numbers, self._texts, self.weighted, self.log_label)
        counter, names = counter_of(self.plan, assignment), sampled_numbers(self.plan)
        most = PLENTY * rows_of_sample(len(names)) // self.table.scan.parts + FEWEST_DRAWN
        factories: dict[str, Callable[[], Accumulator]] = {
            "moments": lambda: MomentAccumulator(measures.of, assignment.column),
            "counts": lambda: CountAccumulator(counter),
            "sample": lambda: SampleAccumulator(names, raw_numbers, assignment, most if names else 0),
        }
        if partitions is None:
            return _collected(self.table.gather(factories))
        columns, folder, groups = self._partition_columns(assignment.column), partitions.uri, assignment.used[-1] + 1
        factories["partitions"] = lambda: PartitionAccumulator(folder, columns, groups)
        results = self.table.gather(factories)
        return replace(_collected(results), partitions=partitions_of(results["partitions"], columns))

    def _partition_columns(self, column: str) -> PartitionColumns:
        """The columns to keep of each row: those that features use, and the placement."""
        inputs = self.table.program.inputs
        numbers = tuple(dict.fromkeys(feature.source for feature in self.plan.numeric))
        texts = tuple(dict.fromkeys(source for feature in self.plan.categorical for source in feature.sources))
        keyed = inputs.data is not None and bool(inputs.data.key)
        return PartitionColumns(numbers, texts, column, keyed=keyed, seed=self.table.seed)

    def statistics(self, measured: Measured) -> DatasetStatistics:
        """The statistics, from measured columns by split."""
        table = self.table
        rows = {index: statistics.rows for index, statistics in measured.get(_LABEL, {}).items()}
        return DatasetStatistics(
            rows=sum(rows.values()),
            bad=rows.get(QUARANTINED, 0),
            left_out=rows.get(LEFT_OUT, 0),
            splits={name: rows.get(index, 0) for index, name in enumerate(SPLITS)},
            columns={name: measured.get(_COLUMN + name, {}) for name in table.numbers},
            label=_label_of(measured),
            weight=measured.get(_WEIGHT, {}).get(TRAIN, ColumnStatistics()).moments if self.weighted else Moments(),
            slots={name: _most(measured.get(_SLOTS + name, {})) for name in slot_columns(self.plan)},
            without_values={name: _without_values(measured.get(_SLOTS + name, {})) for name in slot_columns(self.plan)},
            nulls={name: good_rows(measured.get(_COLUMN + name, {})).nulls for name in table.numbers}
            | {name: good_rows(measured.get(_PRESENT + name, {})).nulls for name in self._texts},
        )

    @property
    def _texts(self) -> tuple[str, ...]:
        return self.table.texts if self.count_nulls else ()


def _collected(results: Mapping[str, list[pa.Table]]) -> CollectedStatistics:
    return CollectedStatistics(merged_parts(results["moments"]), results["counts"], results["sample"])


def _kinds(number: pa.Array, text: pa.Array, spelling: pa.Array | None) -> pa.Array:
    """`_A_TEXT`, `_ZERO_OR_ONE` or `_PADDED`, null for other labels."""
    is_flag = pc.is_in(pc.add(number, 0.0), pa.array([0.0, 1.0]))
    kinds = pc.case_when(pc.make_struct(text.is_valid(), is_flag), _A_TEXT, _ZERO_OR_ONE)
    padded = np.zeros(0, np.bool_) if spelling is None else are_padded(spelling)
    return pc.if_else(pa.array(padded), _PADDED, kinds) if padded.any() else kinds


def _log1p(label: pa.Array) -> pa.Array:
    valid = pc.if_else(pc.and_(is_finite(label), pc.greater(label, -1.0)), label, pa.scalar(None, pa.float64()))
    return pc.log1p(valid)


def _present(text: pa.Array) -> pa.Array:
    """1, or null."""
    return pa.array(np.ones(len(text)), mask=missing_of(text))


def _label_of(measured: Measured) -> LabelStatistics:
    numbers, kinds = (
        total(statistics for index, statistics in measured.get(name, {}).items() if index in USED)
        for name in (_LABEL, _KIND)
    )
    texts = kinds.moments.zeros
    moments = train_moments({name: measured.get(name, {}) for name in (_LABEL, _LOG)})
    return LabelStatistics(
        numbers=numbers.rows - numbers.nulls,
        texts=texts,
        zero_one=kinds.moments.count - texts,
        padded=kinds.moments.high == _PADDED,
        train=moments[_LABEL],
        train_log=moments[_LOG],
    )


def _most(groups: Mapping[int, ColumnStatistics]) -> int:
    return int(groups[TRAIN].moments.high or 0) if TRAIN in groups else 0


def _without_values(groups: Mapping[int, ColumnStatistics]) -> int:
    """Training rows whose text is null, or has no value in it."""
    return groups[TRAIN].nulls + groups[TRAIN].moments.zeros if TRAIN in groups else 0
