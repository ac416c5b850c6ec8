"""Fitting: from statistics, samples and counts of training rows to the plain numbers of `FeatureState`.

    [query 1] moments of every number -> [query 2] counts of every text -> FeatureState

and, only where a feature asks for them, between the two: a sample of training rows, moments of values that were clipped
or shaped by what the sample told, and sums of the label by category.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyspark.sql.functions as F
from pyspark.sql import Column

from pipeline.contract.curve import Curve, Values
from pipeline.contract.features import (
    BucketFeature,
    HashedFeature,
    MappedFeature,
    ScaledFeature,
    VocabularyFeature,
)
from pipeline.contract.label import LabelSpec
from pipeline.data.convert import finite
from pipeline.data.split import SPLIT, TRAIN
from pipeline.data.table import Table
from pipeline.features.categorical import (
    fit_categorical,
    fit_ordinal,
    kept_values,
    needs_counts,
)
from pipeline.features.numeric import (
    fit_bucket,
    fit_curve,
    fit_scaled,
    needs_sample,
    needs_shaped_moments,
)
from pipeline.features.plan import CategoricalPlan, FeaturePlan
from pipeline.features.sample import Sample, take_sample
from pipeline.features.shape import shaped
from pipeline.features.statistics import Measured, Moments, measure
from pipeline.features.target_mean import Sums, fit_target_mean, sum_labels
from pipeline.features.transform import network_label
from pipeline.features.vocabulary import Category, joined, values_of

NO_VALUES: Values = np.zeros(0)


def sampled_numbers(plan: FeaturePlan) -> tuple[str, ...]:
    """The columns whose values are needed."""
    return tuple(dict.fromkeys(feature.source for feature in plan.numeric if needs_sample(feature.group)))


def category_columns(plan: FeaturePlan, table: Table) -> dict[str, Category]:
    """What is counted, by feature."""
    wanted = {}
    for feature in plan.categorical:
        if not needs_counts(feature.group):
            continue
        text, group = _text(feature, table), feature.group
        multiple = group.separator is not None
        column = values_of(text, group.separator) if group.separator is not None else text
        wanted[feature.name] = Category(column, group.max_categories, multiple)
    return wanted


def slot_columns(plan: FeaturePlan, table: Table) -> dict[str, Column]:
    """How many values a row has, for each multi-valued feature."""
    return {
        feature.name: F.size(values_of(_text(feature, table), feature.group.separator))
        for feature in plan.categorical
        if feature.group.separator is not None
    }


def fit_numeric(
    plan: FeaturePlan, table: Table, moments: Mapping[str, Moments], sample: Sample
) -> tuple[tuple[ScaledFeature, ...], tuple[BucketFeature, ...]]:
    """Features made of numbers: those that stay numbers, and those that become intervals.

    Args:
        plan: all features.
        table: typed rows, for moments of what was clipped or shaped.
        moments: of each raw or derived number in training rows.
        sample: with the columns of `sampled_numbers`.
    """
    values = {name: sample.finite(name) for name in sample.numbers}
    curves = {
        feature.name: fit_curve(feature.group, values.get(feature.source, NO_VALUES))
        for feature in plan.numeric
        if feature.group.encoding != "bucketize"
    }
    bent = _shaped_moments(plan, table, curves)
    scaled, buckets = [], []
    for feature in plan.numeric:
        seen = values.get(feature.source, NO_VALUES)
        if feature.group.encoding == "bucketize":
            buckets.append(fit_bucket(feature, seen))
        else:
            raw, curve = moments[feature.source], curves[feature.name]
            scaled.append(fit_scaled(feature, curve, raw, bent.get(feature.name, raw), seen))
    return tuple(scaled), tuple(buckets)


def fit_texts(
    plan: FeaturePlan,
    table: Table,
    counts: Mapping[str, tuple[tuple[str, int], ...]],
    slots: Mapping[str, int],
    label: LabelSpec,
) -> tuple[tuple[MappedFeature, ...], tuple[VocabularyFeature | HashedFeature, ...]]:
    """Features made of texts: those that become numbers, and those that become ids.

    Args:
        plan: all features.
        table: typed rows, for sums of the label.
        counts: of each feature's values in training rows, as `count_values` gives them.
        slots: of each multi-valued feature, how many values a training row has at most.
        label: the fitted label.
    """
    means = [feature for feature in plan.categorical if feature.group.encoding == "target_mean"]
    texts = {feature.name: _text(feature, table) for feature in means}
    sums = sum_labels(table.rows, texts, network_label(label), table.seed)
    mapped = []
    for feature in plan.categorical:
        if feature.group.encoding == "ordinal":
            mapped.append(fit_ordinal(feature))
        elif feature.group.encoding == "target_mean":
            mapped.append(_target_mean(feature, counts[feature.name], sums[feature.name]))
    ids = [
        fit_categorical(feature, counts.get(feature.name, ()), slots.get(feature.name, 1))
        for feature in plan.categorical
        if feature.group.encoding in ("one_hot", "embedding")
    ]
    return tuple(mapped), tuple(ids)


def sample_of(table: Table, names: tuple[str, ...], train_rows: int) -> Sample:
    """Values of some numbers of training rows."""
    return take_sample(table.rows, {name: F.col(table.columns[name]) for name in names}, {}, train_rows)


def _shaped_moments(plan: FeaturePlan, table: Table, curves: Mapping[str, Curve]) -> dict[str, Moments]:
    wanted = {
        feature.name: shaped(finite(F.col(table.columns[feature.source])), curves[feature.name])
        for feature in plan.numeric
        if needs_shaped_moments(feature.group)
    }
    return train_moments(measure(table.rows, wanted, SPLIT))


def train_moments(measured: Measured) -> dict[str, Moments]:
    """Of training rows, without digits that depend on the order of summation."""
    return {
        name: groups[TRAIN].moments.rounded() if TRAIN in groups else Moments() for name, groups in measured.items()
    }


def _target_mean(feature: CategoricalPlan, counts: tuple[tuple[str, int], ...], sums: Sums) -> MappedFeature:
    vocabulary = kept_values(feature.name, feature.group, counts)
    return fit_target_mean(feature.name, feature.sources, vocabulary, sums, feature.group.smoothing)


def _text(feature: CategoricalPlan, table: Table) -> Column:
    return joined([F.col(table.columns[source]) for source in feature.sources])
