"""Ids by a hash on arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipeline.arrays.crc import crc32_of
from pipeline.arrays.masks import missing_of
from pipeline.arrays.values import Ids
from pipeline.kinds.feature import TextFeature
from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.plan import CategoricalPlan
from pipeline.kinds.statistics import Needs, TextStatistics
from pipeline.kinds.text.arrays import ids_in_slots
from pipeline.kinds.text.fit import id_settings
from pipeline.kinds.vocabulary.config import CategoricalConfig
from pipeline.schemas.tokens import OUT_OF_VOCABULARY


def needs(group: CategoricalConfig) -> Needs:
    """Nothing: a hash is not learned."""
    return Needs()


def fit(plan: CategoricalPlan, statistics: TextStatistics) -> HashedFeature:
    """The feature."""
    buckets = plan.group.hash_buckets
    assert buckets is not None
    return HashedFeature(buckets=buckets, **id_settings(plan, buckets + 1, statistics.slots))


def stored(feature: HashedFeature, values: Mapping[str, pa.Array], folds: object = None) -> tuple[Ids, ...]:
    """int32 [n], one a slot."""
    return ids_in_slots(feature, values, lambda text: hashed_id(text, feature))


def table(feature: HashedFeature, text: TextFeature, *, by_fold: bool = False) -> Ids:
    """int32 [ids]: rows hold the ids themselves."""
    return np.arange(feature.size, dtype=np.int32)


def hashed_id(text: pa.Array, feature: HashedFeature) -> Ids:
    """int32 [n]: the id of a text; null is 0."""
    hashed = (crc32_of(text) % np.uint32(feature.buckets)).astype(np.int32) + np.int32(1)
    return np.where(missing_of(text), OUT_OF_VOCABULARY, hashed).astype(np.int32)
