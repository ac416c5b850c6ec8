"""A number for each text."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.kinds.feature import TextFeature, ValueFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature


class MappedFeature(TextFeature, ValueFeature):
    """A number for each text: its rank in a given order, or the mean of the label.

    Attributes:
        kind: discriminates features at rest.
        name: of the store's column.
        sources: raw or derived columns, texts; more than one is a cross.
        vocabulary: the texts that have a number; null is `NULL_TOKEN`.
        values: the number of each text.
        default: of any other text, and of null where the vocabulary lacks it.
        folds: numbers that training rows get instead, `folds[f][i]` for a row of fold f: the mean of the label over
            training rows of the other folds, so that no row sees its own label. Empty where they get `values`.
    """

    kind: Literal["mapped"] = "mapped"
    vocabulary: tuple[str, ...]
    values: tuple[float, ...]
    default: float
    folds: tuple[tuple[float, ...], ...] = ()

    width: Literal[1] = 1

    separator: ClassVar[None] = None
    slots: ClassVar[int] = 1
    edges: ClassVar[tuple[float, ...]] = ()

    @property
    def out_of_fold(self) -> bool:
        """Whether training rows get numbers of their folds."""
        return bool(self.folds)

    def shared(self, earlier: TextFeature | None) -> VocabularyFeature:
        """The ids that rows of all folds share, from which the numbers of this fold and of earlier ones follow."""
        return VocabularyFeature(name=self.name, sources=self.sources, vocabulary=self.vocabulary).shared(earlier)

    def can_be_derived_from(self, text: TextFeature) -> bool:
        """Whether each text of the vocabulary has an id of its own among those that rows hold."""
        return text.separator is None and text.has_ids_for(self.vocabulary)
