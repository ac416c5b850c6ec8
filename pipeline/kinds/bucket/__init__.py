"""Numbers as ids of intervals."""

from __future__ import annotations

from pipeline.kinds.bucket.fitted import BucketFeature
from pipeline.kinds.registry import FeatureKind

KIND = FeatureKind(
    description="the id of the interval that a number falls into",
    section="numeric",
    feature=BucketFeature,
    encodings=("bucketize",),
)
