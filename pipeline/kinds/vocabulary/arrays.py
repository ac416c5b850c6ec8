"""Ids by a vocabulary on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.arrays.values import Ids
from pipeline.kinds.feature import TextFeature
from pipeline.kinds.plan import CategoricalPlan
from pipeline.kinds.statistics import Needs, TextStatistics
from pipeline.kinds.text.arrays import ids_in_slots, indices_in
from pipeline.kinds.text.fit import id_settings, kept_values
from pipeline.kinds.vocabulary.config import CategoricalConfig
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.tokens import OUT_OF_VOCABULARY


def needs(group: CategoricalConfig) -> Needs:
    """The most frequent values are kept."""
    return Needs(counts=True)


def fit(plan: CategoricalPlan, statistics: TextStatistics) -> VocabularyFeature:
    """The feature."""
    vocabulary = kept_values(plan.name, plan.group, statistics.counts)
    return VocabularyFeature(vocabulary=vocabulary, **id_settings(plan, len(vocabulary) + 1, statistics.slots))


def stored(feature: VocabularyFeature, values: Mapping[str, pa.Array], folds: object = None) -> tuple[Ids, ...]:
    """int32 [n], one a slot."""
    return ids_in_slots(feature, values, lambda text: vocabulary_id(text, feature.vocabulary))


def table(feature: VocabularyFeature, text: TextFeature, *, by_fold: bool = False) -> Ids:
    """int32 [ids]: the feature's id of each that rows hold."""
    id_of = {word: number for number, word in enumerate(feature.vocabulary, start=1)}
    ids = [OUT_OF_VOCABULARY, *(id_of.get(word, OUT_OF_VOCABULARY) for word in text.vocabulary)]
    padding = [] if feature.separator is None else [feature.size - 1]
    return np.array([*ids, *padding], np.int32)


def vocabulary_id(text: pa.Array, vocabulary: Sequence[str]) -> Ids:
    """int32 [n]: the id of a text."""
    return indices_in(text, vocabulary) + np.int32(1)
