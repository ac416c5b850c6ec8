"""Fitting: from statistics and counts of training rows to the plain numbers of `FeatureState`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from pipeline.config.features import CategoricalConfig, FeaturesConfig, NumericConfig
from pipeline.contract.features import NULL_TOKEN, FeatureState, ScaledFeature, VocabularyFeature
from pipeline.contract.label import LabelSpec
from pipeline.features.statistics import Moments, NumericStatistics

log = logging.getLogger(__name__)

ValueCounts = Sequence[tuple[str, int]]


def median_columns(features: FeaturesConfig) -> frozenset[str]:
    """The columns whose median is needed."""
    return frozenset(name for group in features.numeric if group.impute == "median" for name in group.columns)


def category_limits(features: FeaturesConfig) -> dict[str, int]:
    """How many values are kept of each categorical column, null aside."""
    return {name: group.max_categories for group in features.categorical for name in group.columns}


def fit_features(
    features: FeaturesConfig,
    numeric: Mapping[str, NumericStatistics],
    categories: Mapping[str, ValueCounts],
    label: LabelSpec,
    *,
    null_values: tuple[str, ...] = (),
) -> FeatureState:
    """All features, in the order of the configuration.

    Args:
        features: how each column is treated.
        numeric: statistics by column.
        categories: counts by column, most frequent first, as `count_values` gives them.
        label: the fitted label.
        null_values: texts that were read as null.
    """
    return FeatureState(
        numeric=tuple(
            fit_numeric(name, group, numeric[name].train) for group in features.numeric for name in group.columns
        ),
        categorical=tuple(
            fit_categorical(name, group, categories[name]) for group in features.categorical for name in group.columns
        ),
        label=label,
        null_values=null_values,
    )


def fit_numeric(name: str, group: NumericConfig, train: Moments) -> ScaledFeature:
    """One numeric column; one that is constant in training rows gets the scale 1."""
    center, scale = _center_and_scale(group, train)
    if scale == 0.0:
        log.warning("Column '%s' is %s in every training row; the model learns nothing from it.", name, train.low)
        scale = 1.0
    return ScaledFeature(name=name, source=name, fill=_fill(group, train), center=center, scale=scale)


def _fill(group: NumericConfig, train: Moments) -> float | None:
    by_method = {"mean": train.mean, "median": train.median, "constant": group.fill, "error": None}
    return by_method[group.impute]


def _center_and_scale(group: NumericConfig, train: Moments) -> tuple[float, float]:
    match group.scale:
        case "standard":
            return train.mean or 0.0, train.std or 0.0
        case "min_max":
            low, high = train.low or 0.0, train.high or 0.0
            return low, high - low
    return 0.0, 1.0


def fit_categorical(name: str, group: CategoricalConfig, counts: ValueCounts) -> VocabularyFeature:
    """One categorical column. Null keeps its place among the values, and is kept however rare it is."""
    null = [pair for pair in counts if pair[0] == NULL_TOKEN]
    known = [pair for pair in counts if pair[0] != NULL_TOKEN and pair[1] >= group.min_count]
    kept = sorted([*null, *known[: group.max_categories]], key=lambda pair: (-pair[1], pair[0]))
    if not kept:
        log.warning("Column '%s' has no value that occurs %d times in training rows.", name, group.min_count)
    return VocabularyFeature(
        name=name, sources=(name,), vocabulary=tuple(value for value, _ in kept), encoding=group.encoding
    )
