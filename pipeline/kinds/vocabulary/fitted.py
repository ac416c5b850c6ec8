"""The id of a text by a vocabulary."""

from __future__ import annotations

from typing import Literal

from pipeline.kinds.feature import Expansion, IdFeature, TextFeature


class VocabularyFeature(TextFeature, IdFeature):
    """The text's position in the vocabulary, counted from 1; null is a word of its own where training rows had nulls.

    Attributes:
        kind: discriminates features at rest.
        name: of the store's column.
        sources: raw or derived columns, texts; more than one is a cross.
        vocabulary: the known texts, most frequent first, ties in the order of their code points.
        encoding: how the model expands the id.
        dimension: of the embedding; 0 for one-hot.
        separator: between the values of a multi-valued text; None for one value.
        slots: how many values of a multi-valued text are kept; 1 for one value.
    """

    kind: Literal["vocabulary"] = "vocabulary"
    vocabulary: tuple[str, ...]
    encoding: Expansion = "one_hot"
    dimension: int = 0
    separator: str | None = None
    slots: int = 1

    @property
    def size(self) -> int:
        """Number of ids: unknown, the vocabulary and, for a multi-valued text, padding."""
        return len(self.vocabulary) + (1 if self.separator is None else 2)

    def shared(self, earlier: TextFeature | None) -> VocabularyFeature:
        """The ids that rows of all folds share, from which the ids of this fold and of earlier ones follow.

        Args:
            earlier: what earlier folds share; None for the first one.
        """
        words = earlier.vocabulary if earlier else ()
        return VocabularyFeature(
            name=self.name,
            sources=self.sources,
            vocabulary=tuple(dict.fromkeys((*words, *self.vocabulary))),
            separator=self.separator,
            slots=max(self.slots, earlier.slots if earlier else 1),
        )

    def can_be_derived_from(self, text: TextFeature) -> bool:
        """Whether each text of the vocabulary has an id of its own among those that rows hold."""
        same = text.separator == self.separator and text.slots >= self.slots
        return same and text.has_ids_for(self.vocabulary)
