"""Fits the label of each fold."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipeline.kinds.scaled.arrays import transformed
from pipeline.kinds.scaled.transform import NumericTransform
from pipeline.preparation.fitting.fold_facts import FoldFacts
from pipeline.preparation.fitting.label import fit_classes, fit_regression, label_power
from pipeline.preparation.fitting.value_checks import check_regression
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.column_statistics import measure, regrouped, train_moments
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.preparation.statistics.sample import take_samples
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import TARGETS


def fit_labels(
    store_spec: StoreSpec,
    facts: Sequence[FoldFacts],
    whole: DatasetStatistics,
    task: str,
    table: Table,
    assignment: FoldAssignment,
) -> list[LabelSpec]:
    """The label of each fold, fitted to its training rows; further queries for a power transform.

    Raises:
        DataError: the label has no values to fit to.
    """
    data, target = store_spec.data, store_spec.features.target
    if TARGETS.get(task).has_classes:
        return [_fit_classes(store_spec, fact, whole, task) for fact in facts]
    for fact in facts:
        with fact.fold.named():
            check_regression(data.label, fact.statistics.label)
    if target.transform == "log":
        return [fit_regression(data.label, target, fact.statistics.label.train_log, task=task) for fact in facts]
    if target.transform != "power":
        return [fit_regression(data.label, target, fact.statistics.label.train, task=task) for fact in facts]
    train_rows = [fact.statistics.splits["train"] for fact in facts]
    samples = take_samples(table, (data.label,), lambda rows: {data.label: rows.typed.label}, train_rows, assignment)
    powers = [label_power(target, sample.finite(data.label)) for sample in samples]
    transforms = {str(number): NumericTransform(shape="power", power=power) for number, power in enumerate(powers)}

    def measures(rows: Rows) -> dict[str, pa.Array]:
        return {name: pa.array(transformed(rows.typed.label, transform)) for name, transform in transforms.items()}

    measured = measure(table, measures, assignment.column)
    moments = [
        train_moments(regrouped({data.label: measured[str(number)]}, fold.roles))[data.label]
        for number, fold in enumerate(assignment.folds)
    ]
    return [fit_regression(data.label, target, *each, task=task) for each in zip(moments, powers, strict=True)]


def _fit_classes(store_spec: StoreSpec, facts: FoldFacts, whole: DatasetStatistics, task: str) -> LabelSpec:
    with facts.fold.named():
        return fit_classes(store_spec.data, whole.label, task=task, classes=facts.counts.classes)
