"""Texts as numbers."""

from __future__ import annotations

from pipeline.kinds.mapped.fitted import MappedFeature
from pipeline.kinds.registry import FeatureKind

KIND = FeatureKind(
    description="a number for each text: its rank in an order, or the mean of the label",
    section="categorical",
    feature=MappedFeature,
    encodings=("ordinal", "target_mean"),
)
