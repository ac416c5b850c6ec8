"""Fitted features: plain numbers and vocabularies, learned from training rows only.

The same numbers are executed by Spark when a store is written and by Keras layers when a model is served.

Numeric:      `((fill if x is null else x) - center) / scale`, stored as float32 under the column's own name.
Categorical:  the value's position in `vocabulary`, counted from 1; 0 is out-of-vocabulary, and null is a
              category of its own (`NULL_TOKEN`) when training rows had nulls. Stored as int32.
"""

from __future__ import annotations

from typing import Literal

from pipeline.contract.document import Document
from pipeline.contract.label import LabelSpec

OUT_OF_VOCABULARY = 0
NULL_TOKEN = "\x00null"
"""Stands for null in a vocabulary. It begins with NUL, which no text source that we read can contain."""

TRUE, FALSE = ("TRUE", "true", "True"), ("FALSE", "false", "False")
"""Texts that are 1 and 0 in a numeric column."""


class NumericFeature(Document):
    """One numeric column.

    Attributes:
        name: the column.
        fill: replaces null, NaN and infinities; None where training rows had no null and none is allowed later.
        center: subtracted.
        scale: divides; never 0.
    """

    name: str
    fill: float | None
    center: float
    scale: float


class CategoricalFeature(Document):
    """One categorical column.

    Attributes:
        name: the column.
        vocabulary: the known values, most frequent first, ties in the order of their code points.
        encoding: how the model expands the id.
    """

    name: str
    vocabulary: tuple[str, ...]
    encoding: Literal["one_hot"] = "one_hot"

    @property
    def size(self) -> int:
        """Number of ids: the vocabulary and the out-of-vocabulary id 0."""
        return len(self.vocabulary) + 1


class FeatureState(Document):
    """All fitted features, in the order in which the model sees them; `features.json` of a store.

    Attributes:
        numeric: come first.
        categorical: come after them.
        label: what is predicted.
        null_values: texts that mean null in every column, spaces around them aside.
    """

    numeric: tuple[NumericFeature, ...]
    categorical: tuple[CategoricalFeature, ...]
    label: LabelSpec
    null_values: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Width of the network's input once ids are expanded."""
        return len(self.numeric) + sum(feature.size for feature in self.categorical)
