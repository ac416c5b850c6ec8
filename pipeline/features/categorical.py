"""Fitting texts: from counts in training rows to vocabularies, and to numbers in a given order."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pipeline.config.features import CategoricalConfig
from pipeline.contract.features import (
    NULL_TOKEN,
    Expansion,
    HashedFeature,
    MappedFeature,
    VocabularyFeature,
)
from pipeline.features.plan import CategoricalPlan

log = logging.getLogger(__name__)

ValueCounts = Sequence[tuple[str, int]]
MIDDLE = 0.5


def needs_counts(group: CategoricalConfig) -> bool:
    """Whether fitting asks how often values occur."""
    return group.hash_buckets is None


def kept_values(name: str, group: CategoricalConfig, counts: ValueCounts) -> tuple[str, ...]:
    """The vocabulary. Null keeps its place among the values, and is kept however rare it is."""
    null = [pair for pair in counts if pair[0] == NULL_TOKEN]
    known = [pair for pair in counts if pair[0] != NULL_TOKEN and pair[1] >= group.min_count]
    kept = sorted([*null, *known[: group.max_categories]], key=lambda pair: (-pair[1], pair[0]))
    if not kept:
        log.warning("Column '%s' has no value that occurs %d times in training rows.", name, group.min_count)
    return tuple(value for value, _ in kept)


def fit_categorical(plan: CategoricalPlan, counts: ValueCounts, slots: int = 1) -> VocabularyFeature | HashedFeature:
    """Ids.

    Args:
        plan: the feature.
        counts: most frequent first, as `count_values` gives them; not looked at for a hashed feature.
        slots: how many values a multi-valued column has at most in training rows.
    """
    group = plan.group
    if group.separator is not None and slots > group.max_values:
        log.warning(
            "Column '%s' has up to %d values in a row; those past the first %d are dropped (max_values).",
            plan.name,
            slots,
            group.max_values,
        )
    slots = max(1, min(slots, group.max_values)) if group.separator is not None else 1
    encoding: Expansion = "embedding" if group.encoding == "embedding" else "one_hot"
    if group.hash_buckets is not None:
        return HashedFeature(
            name=plan.name,
            sources=plan.sources,
            buckets=group.hash_buckets,
            encoding=encoding,
            dimension=_dimension(group, group.hash_buckets + 1),
            separator=group.separator,
            slots=slots,
        )
    vocabulary = kept_values(plan.name, group, counts)
    return VocabularyFeature(
        name=plan.name,
        sources=plan.sources,
        vocabulary=vocabulary,
        encoding=encoding,
        dimension=_dimension(group, len(vocabulary) + 1),
        separator=group.separator,
        slots=slots,
    )


def fit_ordinal(plan: CategoricalPlan) -> MappedFeature:
    """The place in the given order: 0 for the first value, 1 for the last, and the middle for anything else."""
    order = plan.group.order
    assert order is not None
    values = tuple(place / (len(order) - 1) for place in range(len(order)))
    return MappedFeature(name=plan.name, sources=plan.sources, vocabulary=order, values=values, default=MIDDLE)


def _dimension(group: CategoricalConfig, size: int) -> int:
    """Google's rule of thumb for embeddings, as fastai has it: min(50, 1.6 size^0.56)."""
    if group.encoding != "embedding":
        return 0
    return group.dimension or min(50, round(1.6 * size**0.56))
