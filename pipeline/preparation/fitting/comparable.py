"""Summarises the columns of a fold, to find those that may be equal."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from pipeline.preparation.fitting.fold_facts import FoldFacts
from pipeline.preparation.fitting.redundant import Compared, Described
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.split import TRAIN
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.schemas.label import LabelSpec


def compared_columns(
    store_spec: StoreSpec, opened: OpenedDataset, facts: FoldFacts, spec: LabelSpec, assignment: FoldAssignment
) -> Compared:
    """The summaries of a fold's columns, which are equal for columns that may be equal."""
    plan, statistics, counts = opened.plan, facts.statistics, facts.counts
    described = [
        Described(
            feature.name,
            _value_of(feature.source),
            # Columns without any value are not copies of one another; that they are empty is an error of its own.
            (_nulls(statistics, feature.source), moments) if moments.count else feature.name,
            constant=not _nulls(statistics, feature.source) and moments.count > 0 and moments.low == moments.high,
        )
        for feature in plan.numeric
        for moments in (statistics.moments[feature.source],)
    ]
    described += [
        Described(
            feature.name,
            _value_of(feature.sources[0]),
            counts.categories[feature.name],
            constant=len(counts.categories[feature.name]) == 1,
        )
        for feature in plan.categorical
        if feature.name in counts.categories and len(feature.sources) == 1 and feature.group.separator is None
    ]
    label = Described(store_spec.data.label, lambda rows: rows.typed.label, (0, statistics.label.train), constant=False)
    if spec.classes:
        class_rows = sorted(
            ((name, rows[0]) for name, rows in counts.classes.items()), key=lambda pair: (-pair[1], pair[0])
        )
        if statistics.label.is_text:
            label = Described(
                store_spec.data.label, lambda rows: rows.typed.class_text, tuple(class_rows), constant=False
            )
    fold = facts.fold
    return Compared(lambda rows: assignment.is_trained_on(fold, rows.placement), described, label)


def _value_of(name: str) -> Callable[[Rows], pa.Array]:
    return lambda rows: rows.typed.values[name]


def _nulls(statistics: DatasetStatistics, name: str) -> int:
    groups = statistics.columns[name]
    return groups[TRAIN].nulls if TRAIN in groups else 0
