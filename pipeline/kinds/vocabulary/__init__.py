"""Texts as ids by a vocabulary."""

from __future__ import annotations

from pipeline.kinds.registry import FeatureKind
from pipeline.kinds.vocabulary.fitted import VocabularyFeature

KIND = FeatureKind(
    description="the id of a text among the most frequent ones, one-hot or embedded by the model",
    section="categorical",
    feature=VocabularyFeature,
    encodings=("one_hot", "embedding"),
)
