"""Numbers for texts on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.moments import rounded
from pipeline.arrays.values import Ids
from pipeline.kinds.feature import TextFeature
from pipeline.kinds.label_sums import FOLDS, LabelSums, Sums
from pipeline.kinds.mapped.fitted import MappedFeature
from pipeline.kinds.plan import CategoricalPlan
from pipeline.kinds.statistics import Needs, TextStatistics
from pipeline.kinds.text.arrays import places_among, text_of
from pipeline.kinds.text.fit import kept_values
from pipeline.kinds.vocabulary.config import CategoricalConfig

MIDDLE = 0.5


def needs(group: CategoricalConfig) -> Needs:
    """Of a target mean, the label too."""
    return Needs(counts=True, label_sums=group.encoding == "target_mean")


def fit(plan: CategoricalPlan, found: TextStatistics) -> MappedFeature:
    """The feature."""
    if plan.group.encoding == "ordinal":
        return fit_ordinal(plan)
    assert found.sums is not None
    return fit_target_mean(plan, kept_values(plan.name, plan.group, found.counts), found.sums)


def stored(
    feature: MappedFeature, values: Mapping[str, pa.Array], folds: Ids | None = None
) -> tuple[npt.NDArray[np.float32]]:
    """float32 [n]."""
    return (mapped_value(text_of(values, feature.sources), feature, folds),)


def table(feature: MappedFeature, text: TextFeature, *, by_fold: bool = False) -> npt.NDArray[np.float32]:
    """float32 [ids], or [folds, ids] for training rows: the number of each id that rows hold."""
    if by_fold:
        return np.stack([_numbers(feature, text, own) for own in feature.folds])
    return _numbers(feature, text, feature.values)


def mapped_value(text: pa.Array, feature: MappedFeature, folds: Ids | None = None) -> npt.NDArray[np.float32]:
    """float32 [n]: the number of a text."""
    places = places_among(text, feature.vocabulary)
    values = np.array([*feature.values, feature.default])[places]
    if feature.folds and folds is not None:
        by_fold = np.array([[*own, feature.default] for own in feature.folds])
        values = np.where(folds >= 0, by_fold[folds, places], values)
    return values.astype(np.float32)


def fit_ordinal(plan: CategoricalPlan) -> MappedFeature:
    """The place in the given order: 0 for the first value, 1 for the last, and the middle for anything else."""
    order = plan.group.order
    assert order is not None
    values = tuple(place / (len(order) - 1) for place in range(len(order)))
    return MappedFeature(name=plan.name, sources=plan.sources, vocabulary=order, values=values, default=MIDDLE)


def fit_target_mean(plan: CategoricalPlan, vocabulary: Sequence[str], sums: Sums) -> MappedFeature:
    """The label's mean of each category; values that are not in `vocabulary` get the mean of all rows."""
    smoothing = plan.group.smoothing
    everything = LabelSums(
        tuple(sum(value.sums[fold] for value in sums.values()) for fold in range(FOLDS)),
        tuple(sum(value.counts[fold] for value in sums.values()) for fold in range(FOLDS)),
    )
    prior = everything.mean(0.0, 0.0)
    priors = [everything.mean(prior, 0.0, without=fold) for fold in range(FOLDS)]
    return MappedFeature(
        name=plan.name,
        sources=plan.sources,
        vocabulary=tuple(vocabulary),
        values=tuple(rounded(sums[value].mean(prior, smoothing), 1.0) for value in vocabulary),
        default=rounded(prior, 1.0),
        folds=tuple(
            tuple(rounded(sums[value].mean(priors[fold], smoothing, without=fold), 1.0) for value in vocabulary)
            for fold in range(FOLDS)
        ),
    )


def _numbers(feature: MappedFeature, text: TextFeature, values: Sequence[float]) -> npt.NDArray[np.float32]:
    known = dict(zip(feature.vocabulary, values, strict=True))
    numbers = [known.get(word, feature.default) for word in text.vocabulary]
    return np.array([feature.default, *numbers], np.float32)
