"""Fitting a store's features: what is asked of the rows after the survey, and what is made of the answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import pyspark.sql.functions as F

from pipeline.contract.curve import Curve
from pipeline.contract.features import FeatureState
from pipeline.contract.label import LabelSpec, Task
from pipeline.data.check import check_numbers, check_ranges, check_regression
from pipeline.data.convert import finite
from pipeline.data.opening import Opened
from pipeline.data.recipe import StoreRecipe
from pipeline.data.split import SPLIT, TRAIN
from pipeline.data.survey import Survey
from pipeline.data.table import LABEL_NUMBER, Table
from pipeline.errors import ConfigError, DataError
from pipeline.features.fit import (
    category_columns,
    fit_numeric,
    fit_texts,
    sample_of,
    sampled_numbers,
    train_moments,
)
from pipeline.features.label import fit_classes, fit_regression, infer_task, label_power
from pipeline.features.plan import FeaturePlan
from pipeline.features.redundant import Described, redundant_columns
from pipeline.features.sample import Sample, take_sample
from pipeline.features.shape import shaped
from pipeline.features.statistics import Moments, measure
from pipeline.features.transform import label_text
from pipeline.features.vocabulary import Counts, count_values

log = logging.getLogger(__name__)


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


def fit_features(recipe: StoreRecipe, opened: Opened, found: Survey) -> Fitted:
    """Learn from training rows.

    Raises:
        ConfigError: a feature does not fit the label.
        DataError: the label, or a column, has nothing to learn from.
    """
    data, table = recipe.data, opened.table
    task = infer_task(data, found.label)
    if task is Task.REGRESSION:
        check_regression(data.label, found.label)
    classes = label_text() if task is not Task.REGRESSION else None
    categories = category_columns(opened.plan, table)
    counts = count_values(table.rows, categories, classes)
    label = _fit_label(recipe, found, counts, task, table)
    plan = _useful(recipe, opened, found, counts, task)
    check_numbers(plan, found.moments)
    sample = sample_of(table, sampled_numbers(plan), found.splits["train"])
    _check_target_means(plan, label)
    scaled, buckets = fit_numeric(plan, table, found.moments, sample)
    check_ranges(scaled, found.columns)
    mapped, ids = fit_texts(plan, table, counts.categories, found.slots, label)
    _tell_error(sample)
    state = FeatureState(
        numeric=(*scaled, *mapped),
        categorical=(*ids, *buckets),
        label=label,
        derived=plan.needed_derived,
        weight=data.weight,
        weight_mean=_weight_mean(data.weight, found.weight),
        null_values=opened.raw.markers,
    )
    return Fitted(state, counts, {name: category.limit for name, category in categories.items()})


def _useful(recipe: StoreRecipe, opened: Opened, found: Survey, counts: Counts, task: Task) -> FeaturePlan:
    """The plan without columns that tell nothing, or too much."""
    table, plan = opened.table, opened.plan
    described = [
        Described(
            feature.name,
            F.col(table.columns[feature.source]),
            (_nulls(found, feature.source), moments),
            constant=not _nulls(found, feature.source) and moments.count > 0 and moments.low == moments.high,
        )
        for feature in plan.numeric
        for moments in (found.moments[feature.source],)
    ]
    described += [
        Described(
            feature.name,
            F.col(table.columns[feature.sources[0]]),
            counts.categories[feature.name],
            constant=len(counts.categories[feature.name]) == 1,
        )
        for feature in plan.categorical
        if feature.name in counts.categories and len(feature.sources) == 1 and feature.group.separator is None
    ]
    label = Described(recipe.data.label, F.col(LABEL_NUMBER), (0, found.label.train), constant=False)
    if task is not Task.REGRESSION:
        seen = sorted(((name, rows[0]) for name, rows in counts.classes.items()), key=lambda pair: (-pair[1], pair[0]))
        if found.label.texts:
            label = Described(recipe.data.label, label_text(), tuple(seen), constant=False)
    left_out = redundant_columns(table.rows, described, label, recipe.features.drop)
    kept = plan.without(left_out)
    if not kept.numeric and not kept.categorical:
        raise DataError("No feature column is left. Name others under features, or set features.drop: false.")
    return kept


def _nulls(found: Survey, name: str) -> int:
    groups = found.columns[name]
    return groups[TRAIN].nulls if TRAIN in groups else 0


def _fit_label(recipe: StoreRecipe, found: Survey, counts: Counts, task: Task, table: Table) -> LabelSpec:
    data, target = recipe.data, recipe.features.target
    if task is not Task.REGRESSION:
        return fit_classes(data, found.label, task=task, classes=counts.classes)
    if target.transform == "log":
        return fit_regression(data.label, target, found.label.train_log)
    if target.transform != "power":
        return fit_regression(data.label, target, found.label.train)
    sample = take_sample(table.rows, {data.label: F.col(LABEL_NUMBER)}, {}, found.splits["train"])
    power = label_power(target, sample.finite(data.label))
    bent = shaped(finite(F.col(LABEL_NUMBER)), Curve(shape="power", power=power))
    seen = train_moments(measure(table.rows, {data.label: bent}, SPLIT))
    return fit_regression(data.label, target, seen[data.label], power)


def _check_target_means(plan: FeaturePlan, label: LabelSpec) -> None:
    names = [feature.name for feature in plan.categorical if feature.group.encoding == "target_mean"]
    if names and label.task is Task.MULTICLASS:
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
