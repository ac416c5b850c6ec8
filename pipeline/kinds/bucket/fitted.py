"""The id of the interval that a number falls into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pipeline.kinds.feature import Expansion, IdFeature, NumberFeature


class BucketFeature(NumberFeature, IdFeature):
    """1 + how many edges are less than or equal to the number; null is 0.

    Attributes:
        kind: discriminates features at rest.
        name: of the store's column.
        source: the raw or derived column, a number.
        edges: between the intervals, ascending.
        encoding: how the model expands the id.
        dimension: of the embedding; 0 for one-hot.
    """

    kind: Literal["bucket"] = "bucket"
    edges: tuple[float, ...]
    encoding: Expansion = "one_hot"
    dimension: int = 0

    separator: None = None
    slots: Literal[1] = 1

    keeps_values: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Number of ids: null, and the intervals."""
        return len(self.edges) + 2

    def examples(self, column: str) -> Iterator[float]:
        """The edges."""
        if column == self.source:
            yield from self.edges
