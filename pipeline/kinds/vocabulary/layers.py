"""Ids by a vocabulary in the served model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.kinds.layer import OWN, Columns, Part
from pipeline.kinds.text.layers import NO_VALUE, LookUpTexts, text_of
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.tokens import OUT_OF_VOCABULARY


def serve(features: Sequence[tuple[int, VocabularyFeature]], columns: Columns) -> Iterator[Part]:
    """A layer for each feature."""
    for position, feature in features:
        ids = {text: number for number, text in enumerate(feature.vocabulary, start=1)}
        ids |= {} if feature.separator is None else {NO_VALUE: feature.size - 1}
        layer = LookUpTexts(list(ids), list(ids.values()), OUT_OF_VOCABULARY, "int32", name=f"{OWN}id_{position}")
        yield feature.columns, layer(text_of(position, feature, columns))
