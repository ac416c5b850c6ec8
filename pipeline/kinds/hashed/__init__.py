"""Texts as ids by a hash."""

from __future__ import annotations

from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.registry import FeatureKind

KIND = FeatureKind(
    description="the id of a text by its hash, with `hash_buckets`",
    section="categorical",
    feature=HashedFeature,
    encodings=(),
)
