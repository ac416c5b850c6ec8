"""Fitting that the kinds made of texts share."""

from __future__ import annotations

import logging
from typing import TypedDict

from pipeline.kinds.feature import Expansion
from pipeline.kinds.plan import CategoricalPlan
from pipeline.kinds.statistics import ValueCounts
from pipeline.kinds.vocabulary.config import CategoricalConfig
from pipeline.schemas.tokens import NULL_TOKEN

log = logging.getLogger(__name__)


class IdSettings(TypedDict):
    """Settings of features of ids, besides their vocabulary."""

    name: str
    sources: tuple[str, ...]
    encoding: Expansion
    dimension: int
    separator: str | None
    slots: int


def kept_values(name: str, group: CategoricalConfig, counts: ValueCounts) -> tuple[str, ...]:
    """The vocabulary, most frequent first. Null is kept however rare it is."""
    null = [pair for pair in counts if pair[0] == NULL_TOKEN]
    frequent = [pair for pair in counts if pair[0] != NULL_TOKEN and pair[1] >= group.min_count]
    kept = sorted([*null, *frequent[: group.max_categories]], key=lambda pair: (-pair[1], pair[0]))
    if not kept:
        log.warning("Column '%s' has no value that occurs %d times in training rows.", name, group.min_count)
    return tuple(value for value, _ in kept)


def id_settings(plan: CategoricalPlan, size: int, slots: int) -> IdSettings:
    """The settings of a feature.

    Args:
        plan: the feature.
        size: how many ids there are, padding aside.
        slots: how many values a multi-valued text has at most in training rows.
    """
    group = plan.group
    if group.separator is not None and slots > group.max_values:
        log.warning(
            "Column '%s' has up to %d values in a row; those past the first %d are dropped (max_values).",
            plan.name,
            slots,
            group.max_values,
        )
    return IdSettings(
        name=plan.name,
        sources=plan.sources,
        encoding="embedding" if group.encoding == "embedding" else "one_hot",
        dimension=_dimension(group, size),
        separator=group.separator,
        slots=1 if group.separator is None else max(1, min(slots, group.max_values)),
    )


def _dimension(group: CategoricalConfig, size: int) -> int:
    """Google's rule of thumb for embeddings, as fastai has it: min(50, 1.6 size^0.56)."""
    if group.encoding != "embedding":
        return 0
    return group.dimension or min(50, round(1.6 * size**0.56))
