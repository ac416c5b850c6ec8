"""Fitting a store's features: what is asked of the rows after the survey, and what is made of the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.arrays.moments import Moments
from pipeline.errors import ConfigError, DataError
from pipeline.kinds.feature import Feature, Role
from pipeline.kinds.plan import FeaturePlan
from pipeline.kinds.scaled.arrays import shaped
from pipeline.kinds.scaled.curve import Curve
from pipeline.kinds.state import FeatureState
from pipeline.preparation.fitting.features import NumericFit, TextFit, fit_numeric, fit_texts, samples_of
from pipeline.preparation.fitting.label import fit_classes, fit_regression, infer_task, label_power
from pipeline.preparation.fitting.redundant import Compared, Described, redundant_columns
from pipeline.preparation.fitting.value_checks import check_numbers, check_ranges, check_regression
from pipeline.preparation.planning.open_dataset import Opened
from pipeline.preparation.planning.store_spec import StoreRecipe
from pipeline.preparation.rows.fold_roles import WHOLE, Division, Fold
from pipeline.preparation.rows.split import TRAIN
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.survey.column_statistics import measure, regrouped, train_moments
from pipeline.preparation.survey.dataset_statistics import Gathered, Survey
from pipeline.preparation.survey.feature_inputs import counter_of, sampled_numbers
from pipeline.preparation.survey.sample import Sample, samples_in, take_samples
from pipeline.preparation.survey.value_counts import Counts, counts_of
from pipeline.runtime.logs import saying_once
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import TARGETS

log = logging.getLogger(__name__)

TELLING = ("pipeline.preparation.fitting.redundant", "pipeline.kinds.scaled.fit", "pipeline.kinds.text.fit")
"""Loggers of what is found out of columns."""


@dataclass(frozen=True)
class Fitted:
    """What was learned, and from which counts.

    Attributes:
        state: everything that is learned from training rows.
        counts: of texts and classes.
        limits: how many values of each text were counted at most, null being one.
    """

    state: FeatureState
    counts: Counts
    limits: Mapping[str, int]


def fit_features(recipe: StoreRecipe, opened: Opened, found: Survey, gathered: Gathered) -> Fitted:
    """Learn from training rows.

    Raises:
        ConfigError: a feature does not fit the label.
        DataError: the label, or a column, has nothing to learn from.
    """
    (fitted,) = fit_folds(recipe, opened, found, [found], gathered)
    return fitted


def fit_folds(
    recipe: StoreRecipe,
    opened: Opened,
    whole: Survey,
    folds: Sequence[Survey],
    gathered: Gathered,
    division: Division = WHOLE,
) -> tuple[Fitted, ...]:
    """Learn from the training rows of each fold, in one pass for all of them.

    Args:
        recipe: how a store is made.
        opened: the source; its rows have the column of groups.
        whole: of all rows, whose label tells the task.
        folds: of each fold's rows.
        gathered: with the survey.
        division: the folds.

    Raises:
        ConfigError: a feature does not fit the label.
        DataError: the label, or a column, has nothing to learn from.
    """
    with saying_once(TELLING):
        return _fit_folds(recipe, opened, whole, folds, gathered, division)


def _fit_folds(
    recipe: StoreRecipe,
    opened: Opened,
    whole: Survey,
    folds: Sequence[Survey],
    gathered: Gathered,
    division: Division,
) -> tuple[Fitted, ...]:
    table, task = opened.table, infer_task(recipe.data, whole.label)
    counter = counter_of(opened.plan, division)
    counts = counts_of(gathered.counts, counter, table, classes=TARGETS.get(task).has_classes)
    known = [_Known(*each) for each in zip(division.folds, counts, folds, strict=True)]
    labels = _fit_labels(recipe, known, whole, task, table, division)
    plans = _plans(recipe, opened, known, labels, division)
    samples = _samples(opened, plans, known, gathered, division)
    _tell_error(samples[0])
    numbers = [
        NumericFit(plan, each.survey.moments, sample) for plan, each, sample in zip(plans, known, samples, strict=True)
    ]
    texts = [
        TextFit(plan, each.counts.categories, each.survey.slots, label)
        for plan, each, label in zip(plans, known, labels, strict=True)
    ]
    limits = {name: category.limit for name, category in counter.categories.items()}
    made = zip(known, texts, fit_numeric(numbers, table, division), fit_texts(texts, table, division), strict=True)
    fitted = []
    for each, fit, of_numbers, of_texts in made:
        with each.fold.named():
            check_ranges(of_numbers, each.survey.columns)
            weight_mean = _weight_mean(recipe.data.weight, each.survey.weight)
        state = FeatureState(
            numeric=_of_role("numeric", (*of_numbers, *of_texts)),
            categorical=_of_role("categorical", (*of_texts, *of_numbers)),
            label=fit.label,
            derived=fit.plan.needed_derived,
            weight=recipe.data.weight,
            weight_mean=weight_mean,
            null_values=opened.raw.columns.markers,
        )
        fitted.append(Fitted(state, each.counts, limits))
    return tuple(fitted)


def _of_role(role: Role, features: Sequence[Feature]) -> tuple[Any, ...]:
    return tuple(feature for feature in features if feature.role == role)


def _samples(
    opened: Opened, plans: Sequence[FeaturePlan], known: Sequence[_Known], gathered: Gathered, division: Division
) -> tuple[Sample, ...]:
    """Values of the numbers that ask for them; in one more pass where too few were kept in the first one."""
    names = tuple(dict.fromkeys(name for plan in plans for name in sampled_numbers(plan)))
    train_rows, kept = [each.survey.splits["train"] for each in known], sampled_numbers(opened.plan)
    found = samples_in(gathered.sample, kept, names, train_rows, division)
    return samples_of(opened.table, names, train_rows, division) if found is None else found


@dataclass(frozen=True)
class _Known:
    """A fold, and what the first queries told of it."""

    fold: Fold
    counts: Counts
    survey: Survey


def _plans(
    recipe: StoreRecipe, opened: Opened, known: Sequence[_Known], labels: Sequence[LabelSpec], division: Division
) -> list[FeaturePlan]:
    """The features of each fold, without those that tell nothing or too much; nothing is fitted yet."""
    compared = [_compared(recipe, opened, *each, division) for each in zip(known, labels, strict=True)]
    left_out = redundant_columns(opened.table, compared, recipe.features.drop)
    plans = [opened.plan.without(names) for names in left_out]
    for plan, each, label in zip(plans, known, labels, strict=True):
        with each.fold.named():
            if not plan.numeric and not plan.categorical:
                raise DataError("No feature column is left. Name others under features, or set features.drop: false.")
            check_numbers(plan, each.survey.moments)
            _check_target_means(plan, label)
    return plans


def _compared(recipe: StoreRecipe, opened: Opened, known: _Known, spec: LabelSpec, division: Division) -> Compared:
    """What is known of a fold's columns, by which those are told that may be equal."""
    plan, found, counts = opened.plan, known.survey, known.counts
    described = [
        Described(
            feature.name,
            _value_of(feature.source),
            (_nulls(found, feature.source), moments),
            constant=not _nulls(found, feature.source) and moments.count > 0 and moments.low == moments.high,
        )
        for feature in plan.numeric
        for moments in (found.moments[feature.source],)
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
    label = Described(recipe.data.label, lambda rows: rows.typed.label, (0, found.label.train), constant=False)
    if spec.classes:
        seen = sorted(((name, rows[0]) for name, rows in counts.classes.items()), key=lambda pair: (-pair[1], pair[0]))
        if found.label.texts:
            label = Described(recipe.data.label, _class_text, tuple(seen), constant=False)
    fold = known.fold
    return Compared(lambda rows: division.is_trained_on(fold, rows.places), described, label)


def _value_of(name: str) -> Callable[[Rows], pa.Array]:
    return lambda rows: rows.typed.values[name]


def _class_text(rows: Rows) -> pa.Array:
    return rows.typed.class_text


def _nulls(found: Survey, name: str) -> int:
    groups = found.columns[name]
    return groups[TRAIN].nulls if TRAIN in groups else 0


def _fit_labels(
    recipe: StoreRecipe, known: Sequence[_Known], whole: Survey, task: str, table: Table, division: Division
) -> list[LabelSpec]:
    data, target = recipe.data, recipe.features.target
    if TARGETS.get(task).has_classes:
        return [_fit_classes(recipe, each, whole, task) for each in known]
    for each in known:
        with each.fold.named():
            check_regression(data.label, each.survey.label)
    if target.transform == "log":
        return [fit_regression(data.label, target, each.survey.label.train_log, task=task) for each in known]
    if target.transform != "power":
        return [fit_regression(data.label, target, each.survey.label.train, task=task) for each in known]
    train_rows = [each.survey.splits["train"] for each in known]
    samples = take_samples(table, (data.label,), lambda rows: {data.label: rows.typed.label}, train_rows, division)
    powers = [label_power(target, sample.finite(data.label)) for sample in samples]
    curves = {str(number): Curve(shape="power", power=power) for number, power in enumerate(powers)}

    def measures(rows: Rows) -> dict[str, pa.Array]:
        return {name: pa.array(shaped(rows.typed.label, curve)) for name, curve in curves.items()}

    found = measure(table, measures, division.column)
    seen = [
        train_moments(regrouped({data.label: found[str(number)]}, fold.roles))[data.label]
        for number, fold in enumerate(division.folds)
    ]
    return [fit_regression(data.label, target, *each, task=task) for each in zip(seen, powers, strict=True)]


def _fit_classes(recipe: StoreRecipe, known: _Known, whole: Survey, task: str) -> LabelSpec:
    with known.fold.named():
        return fit_classes(recipe.data, whole.label, task=task, classes=known.counts.classes)


def _check_target_means(plan: FeaturePlan, label: LabelSpec) -> None:
    names = [feature.name for feature in plan.categorical if feature.group.needs_sums]
    if names and label.outputs > 1:
        shown = ", ".join(f"'{name}'" for name in names)
        raise ConfigError(
            f"encoding: target_mean of {shown} needs a label with one mean. Allowed: a number, or two classes. "
            f"Received: '{label.name}' with {len(label.classes)} classes. Use encoding: one_hot or embedding."
        )


def _tell_error(sample: Sample) -> None:
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
