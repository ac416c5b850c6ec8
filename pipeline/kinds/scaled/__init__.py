"""Numbers that are filled, clipped, transformed and scaled."""

from __future__ import annotations

from pipeline.kinds.registry import FeatureKind
from pipeline.kinds.scaled.fitted import ScaledFeature

KIND = FeatureKind(
    description="a number, filled, clipped, transformed and scaled; `piecewise_linear` lets the model expand it",
    section="numeric",
    feature=ScaledFeature,
    encodings=("scalar", "piecewise_linear"),
)
