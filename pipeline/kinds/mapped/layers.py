"""Numbers for texts in the served model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.kinds.layer import OWN, Columns, Part
from pipeline.kinds.mapped.fitted import MappedFeature
from pipeline.kinds.text.layers import LookUpTexts, text_of


def serve(features: Sequence[tuple[int, MappedFeature]], columns: Columns) -> Iterator[Part]:
    """A layer for each feature."""
    for position, feature in features:
        name = f"{OWN}mapped_{position}"
        layer = LookUpTexts(feature.vocabulary, feature.values, feature.default, "float32", name=name)
        yield feature.columns, layer(text_of(position, feature, columns))
