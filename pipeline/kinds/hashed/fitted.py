"""The id of a text by its hash: nothing is learned, nothing is unknown."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.kinds.feature import Expansion, IdFeature, TextFeature


class HashedFeature(TextFeature, IdFeature):
    """1 + CRC-32 of the text modulo the number of buckets; null is 0.

    Attributes:
        kind: discriminates features at rest.
        name: of the store's column.
        sources: raw or derived columns, texts; more than one is a cross.
        buckets: number of hashed ids.
        encoding: how the model expands the id.
        dimension: of the embedding; 0 for one-hot.
        separator: between the values of a multi-valued text; None for one value.
        slots: how many values of a multi-valued text are kept; 1 for one value.
    """

    kind: Literal["hashed"] = "hashed"
    buckets: int
    encoding: Expansion = "one_hot"
    dimension: int = 0
    separator: str | None = None
    slots: int = 1

    has_vocabulary: ClassVar[bool] = False
    vocabulary: ClassVar[tuple[str, ...]] = ()

    @property
    def size(self) -> int:
        """Number of ids: null, the buckets and, for a multi-valued text, padding."""
        return self.buckets + (1 if self.separator is None else 2)

    @property
    def note(self) -> str:
        """Why there are no values."""
        return f"hashed to {self.buckets:,} buckets, values are not counted"

    def shared(self, earlier: TextFeature | None) -> HashedFeature:
        """The ids that rows of all folds share, from which the ids of this fold and of earlier ones follow.

        Args:
            earlier: what earlier folds share; None for the first one.
        """
        return self.model_copy(update={"slots": max(self.slots, earlier.slots if earlier else 1)})

    def can_be_derived_from(self, text: TextFeature) -> bool:
        """Whether rows hold the ids of as many buckets."""
        same = text.separator == self.separator and text.slots >= self.slots
        return same and isinstance(text, HashedFeature) and text.buckets == self.buckets
