"""Fits the features of a store or of all folds, from statistics of the rows and further queries."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.arrays.moments import Moments
from pipeline.errors import ConfigError, DataError
from pipeline.kinds.feature import Feature, NumberFeature, Role, TextFeature
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.plan import FeaturePlan
from pipeline.preparation.fitting.comparable import compared_columns
from pipeline.preparation.fitting.features import NumericFit, TextFit, fit_numeric, fit_texts, samples_of
from pipeline.preparation.fitting.fit_labels import fit_labels
from pipeline.preparation.fitting.fold_facts import FoldFacts
from pipeline.preparation.fitting.label import infer_task
from pipeline.preparation.fitting.redundant import redundant_columns
from pipeline.preparation.fitting.spelled_classes import joined_classes, log_spellings
from pipeline.preparation.fitting.task_choice import log_task
from pipeline.preparation.fitting.value_checks import check_numbers, check_ranges
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.rows.fold_roles import WHOLE, FoldAssignment
from pipeline.preparation.statistics.dataset_statistics import CollectedStatistics, DatasetStatistics
from pipeline.preparation.statistics.feature_inputs import counter_of, sampled_numbers
from pipeline.preparation.statistics.sample import Sample, samples_in
from pipeline.preparation.statistics.value_counts import Counts, counts_of
from pipeline.runtime.logs import logging_once
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import TARGETS

log = logging.getLogger(__name__)

REPEATING_LOGGERS = (
    "pipeline.preparation.fitting.redundant",
    "pipeline.kinds.mapped.arrays",
    "pipeline.kinds.scaled.fit",
    "pipeline.kinds.text.fit",
)
"""Loggers that would repeat a message for every fold."""


@dataclass(frozen=True)
class Fitted:
    """Fitted features, and the counts that they were fitted to.

    Attributes:
        features: the features, fitted to training rows.
        counts: counts of texts and classes.
        limits: the most values that were counted of each text, null included.
    """

    features: FittedFeatures
    counts: Counts
    limits: Mapping[str, int]


def fit_features(
    store_spec: StoreSpec, opened: OpenedDataset, statistics: DatasetStatistics, collected: CollectedStatistics
) -> Fitted:
    """Fit the features to training rows.

    Raises:
        ConfigError: a feature does not fit the label.
        DataError: the label or a column has no values to fit to.
    """
    (fitted,) = fit_folds(store_spec, opened, statistics, [statistics], collected)
    return fitted


def fit_folds(
    store_spec: StoreSpec,
    opened: OpenedDataset,
    whole: DatasetStatistics,
    folds: Sequence[DatasetStatistics],
    collected: CollectedStatistics,
    assignment: FoldAssignment = WHOLE,
) -> tuple[Fitted, ...]:
    """Fit the features of each fold to its training rows, in one pass for all folds.

    Args:
        store_spec: the specification of the store.
        opened: the source; its rows have the column of groups.
        whole: statistics of all rows, whose label determines the task.
        folds: statistics of the rows of each fold.
        collected: the raw results of the first pass.
        assignment: the folds.

    Raises:
        ConfigError: a feature does not fit the label.
        DataError: the label or a column has no values to fit to.
    """
    with logging_once(REPEATING_LOGGERS):
        return _fit_folds(store_spec, opened, whole, folds, collected, assignment)


def _fit_folds(
    store_spec: StoreSpec,
    opened: OpenedDataset,
    whole: DatasetStatistics,
    folds: Sequence[DatasetStatistics],
    collected: CollectedStatistics,
    assignment: FoldAssignment,
) -> tuple[Fitted, ...]:
    table, task = opened.table, infer_task(store_spec.data, whole.label)
    counter = counter_of(opened.plan, assignment)
    counts = counts_of(collected.counts, counter, table, classes=TARGETS.get(task).has_classes)
    log_spellings(store_spec.data.label, whole.label, counts[0].classes)
    counts = tuple(joined_classes(each, whole.label) for each in counts)
    facts = [FoldFacts(*each) for each in zip(assignment.folds, counts, folds, strict=True)]
    labels = fit_labels(store_spec, facts, whole, task, table, assignment)
    log_task(store_spec.data, labels[0].task, whole.label, collected.counts)
    plans = _plans(store_spec, opened, facts, labels, assignment)
    samples = _samples(opened, plans, facts, collected, assignment)
    _log_rank_error(samples[0])
    numbers = [
        NumericFit(plan, each.statistics.moments, sample)
        for plan, each, sample in zip(plans, facts, samples, strict=True)
    ]
    texts = [
        TextFit(plan, each.counts.categories, each.statistics.slots, label)
        for plan, each, label in zip(plans, facts, labels, strict=True)
    ]
    limits = {name: category.limit for name, category in counter.categories.items()}
    fits = zip(facts, texts, fit_numeric(numbers, table, assignment), fit_texts(texts, table, assignment), strict=True)
    return tuple(Fitted(_features_of_fold(store_spec, opened, *fit), fit[0].counts, limits) for fit in fits)


def _features_of_fold(
    store_spec: StoreSpec,
    opened: OpenedDataset,
    facts: FoldFacts,
    fit: TextFit,
    numbers: Sequence[NumberFeature],
    texts: Sequence[TextFeature],
) -> FittedFeatures:
    """The features of a fold, in the order in which the model sees them."""
    with facts.fold.named():
        check_ranges(numbers, facts.statistics.columns)
        weight_mean = _weight_mean(store_spec.data.weight, facts.statistics.weight)
    return FittedFeatures(
        numeric=_of_role("numeric", (*numbers, *texts)),
        categorical=_of_role("categorical", (*texts, *numbers)),
        label=fit.label,
        derived=fit.plan.needed_derived,
        weight=store_spec.data.weight,
        weight_mean=weight_mean,
        null_values=opened.raw.columns.markers,
        readings=opened.raw.columns.readings,
    )


def _of_role(role: Role, features: Sequence[Feature]) -> tuple[Any, ...]:
    return tuple(feature for feature in features if feature.role == role)


def _samples(
    opened: OpenedDataset,
    plans: Sequence[FeaturePlan],
    facts: Sequence[FoldFacts],
    collected: CollectedStatistics,
    assignment: FoldAssignment,
) -> tuple[Sample, ...]:
    """Samples of the numbers that need them; in another pass where the first one kept too few rows."""
    names = tuple(dict.fromkeys(name for plan in plans for name in sampled_numbers(plan)))
    train_rows, kept = [each.statistics.splits["train"] for each in facts], sampled_numbers(opened.plan)
    samples = samples_in(collected.sample, kept, names, train_rows, assignment)
    return samples_of(opened.table, names, train_rows, assignment) if samples is None else samples


def _plans(
    store_spec: StoreSpec,
    opened: OpenedDataset,
    facts: Sequence[FoldFacts],
    labels: Sequence[LabelSpec],
    assignment: FoldAssignment,
) -> list[FeaturePlan]:
    """The planned features of each fold, without constant and duplicate columns and copies of the label."""
    compared = [compared_columns(store_spec, opened, *each, assignment) for each in zip(facts, labels, strict=True)]
    left_out = redundant_columns(opened.table, compared, store_spec.features.drop)
    plans = [opened.plan.without(names) for names in left_out]
    for plan, each, label in zip(plans, facts, labels, strict=True):
        with each.fold.named():
            if not plan.numeric and not plan.categorical:
                raise DataError("No feature column is left. Name others under features, or set features.drop: false.")
            check_numbers(plan, each.statistics.moments)
            _check_target_means(plan, label)
    return plans


def _check_target_means(plan: FeaturePlan, label: LabelSpec) -> None:
    features = [feature for feature in plan.categorical if feature.needs.label_sums]
    if features and label.outputs > 1:
        names = ", ".join(f"'{feature.name}'" for feature in features)
        encodings = " and ".join(dict.fromkeys(feature.group.encoding for feature in features))
        raise ConfigError(
            f"encoding: {encodings} of {names} needs a label with one mean. Allowed: a number, or two classes. "
            f"Received: '{label.name}' with {len(label.classes)} classes. Use encoding: one_hot or embedding."
        )


def _log_rank_error(sample: Sample) -> None:
    if sample.error:
        log.info(
            "Quantiles are from %d training rows; their ranks are off by less than %.2f %%.",
            sample.rows,
            100 * sample.error,
        )


def _weight_mean(name: str | None, weight: Moments) -> float:
    if name is None:
        return 1.0
    if not weight.mean:
        raise DataError(f"Weight '{name}' is 0 in every training row. Correct data.weight.")
    return weight.rounded().mean or 1.0
