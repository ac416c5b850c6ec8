"""Numbers for texts on arrays."""

from __future__ import annotations

import logging
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
from pipeline.kinds.statistics import Needs, TextStatistics, ValueCounts
from pipeline.kinds.text.arrays import indices_in, text_of
from pipeline.kinds.text.fit import kept_values
from pipeline.kinds.vocabulary.config import CategoricalConfig
from pipeline.schemas.tokens import NULL_TOKEN

log = logging.getLogger(__name__)

MIDDLE = 0.5
SHOWN_VALUES = 3


def needs(group: CategoricalConfig) -> Needs:
    """Of a target mean, the label too."""
    return Needs(counts=True, label_sums=group.encoding == "target_mean")


def fit(plan: CategoricalPlan, statistics: TextStatistics) -> MappedFeature:
    """The feature."""
    if plan.group.encoding == "ordinal":
        _warn_of_others(plan, statistics.counts)
        return fit_ordinal(plan)
    assert statistics.sums is not None
    return fit_target_mean(plan, kept_values(plan.name, plan.group, statistics.counts), statistics.sums)


def stored(
    feature: MappedFeature, values: Mapping[str, pa.Array], folds: Ids | None = None
) -> tuple[npt.NDArray[np.float32]]:
    """float32 [n]."""
    return (mapped_value(text_of(values, feature.sources), feature, folds),)


def table(feature: MappedFeature, text: TextFeature, *, by_fold: bool = False) -> npt.NDArray[np.float32]:
    """float32 [ids], or [folds, ids] for training rows: the number of each id that rows hold."""
    if by_fold:
        return np.stack([_numbers(feature, text, values) for values in feature.folds])
    return _numbers(feature, text, feature.values)


def mapped_value(text: pa.Array, feature: MappedFeature, folds: Ids | None = None) -> npt.NDArray[np.float32]:
    """float32 [n]: the number of a text."""
    indices = indices_in(text, feature.vocabulary)
    values = np.array([*feature.values, feature.default])[indices]
    if feature.folds and folds is not None:
        by_fold = np.array([[*means, feature.default] for means in feature.folds])
        values = np.where(folds >= 0, by_fold[folds, indices], values)
    return values.astype(np.float32)


def _warn_of_others(plan: CategoricalPlan, counts: ValueCounts) -> None:
    """Warn of values that `order` lacks, null aside."""
    order = plan.group.order or ()
    others = [(value, count) for value, count in counts if value not in order and value != NULL_TOKEN]
    if not others:
        return
    shown, more = ", ".join(f"'{value}'" for value, _ in others[:SHOWN_VALUES]), len(others) - SHOWN_VALUES
    log.warning(
        "Column '%s': order lacks the values of %.1f %% of the training rows, such as %s%s, which count as null. "
        "Add them to order, or correct it.",
        plan.name,
        100 * sum(count for _, count in others) / sum(count for _, count in counts),
        shown,
        f" and {more} more" if more > 0 else "",
        extra={"subject": plan.name},
    )


def fit_ordinal(plan: CategoricalPlan) -> MappedFeature:
    """The rank in the given order: 0 for the first value, 1 for the last, and the middle for anything else."""
    order = plan.group.order
    assert order is not None
    values = tuple(rank / (len(order) - 1) for rank in range(len(order)))
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
    number_of = dict(zip(feature.vocabulary, values, strict=True))
    numbers = [number_of.get(word, feature.default) for word in text.vocabulary]
    return np.array([feature.default, *numbers], np.float32)
