"""Rows without anything that was learned from them: what the folds of a cross-validation share; `unscaled.json`.

Such rows are written once. What each fold learned from its own training rows, its `features.json`, is applied to them
when they are read, so that they become what a store of that fold alone would hold. Their columns at rest, in order:

    number_I             float64  a raw or derived number; NaN where it is null or not finite
    text_I, or text_I_S  int32    id of a text (of one slot of a multi-valued one) by the vocabulary in `texts`, which
                                  has the values that any fold keeps, or by its hash
    part                 int32    of the folds of `MappedFeature`, the one that a row is in; only where `has_parts`
    label                float64 or int32, as in every store
    weight               float64  as in the source; only where rows are weighted
    __row_id             int64
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.document import Document
from pipeline.schemas.store_schema import ROW_ID, StoreType
from pipeline.schemas.target import TARGETS, TaskName

PART, LABEL, WEIGHT = "part", "label", "weight"

Text = Annotated[VocabularyFeature | HashedFeature, Field(discriminator="kind")]


class SharedFoldRows(Document):
    """What such rows hold.

    Attributes:
        numbers: raw or derived columns, by their names.
        texts: of every feature made of texts, under its name, the ids that rows hold.
        task: of the label, which decides its type.
        has_parts: whether some feature is the mean of the label.
        weighted: whether rows have weights.
    """

    numbers: tuple[str, ...]
    texts: tuple[Text, ...]
    task: TaskName
    has_parts: bool = False
    weighted: bool = False

    @property
    def columns(self) -> dict[str, StoreType]:
        """All columns at rest with their types, in order."""
        ids = [name for index in range(len(self.texts)) for name in self.text_columns(index)]
        return {
            **{number_column(index): "float64" for index in range(len(self.numbers))},
            **dict.fromkeys(ids, "int32"),
            **({PART: "int32"} if self.has_parts else {}),
            LABEL: TARGETS.get(self.task).label_type,
            **({WEIGHT: "float64"} if self.weighted else {}),
            ROW_ID: "int64",
        }

    def text_columns(self, index: int) -> tuple[str, ...]:
        """The columns of one of `texts`, a slot each."""
        return tuple(_slot_names(index, self.texts[index]))


def number_column(index: int) -> str:
    """The column of one of `SharedFoldRows.numbers`."""
    return f"number_{index}"


def _slot_names(index: int, feature: Text) -> Iterator[str]:
    if feature.separator is None:
        yield f"text_{index}"
    else:
        yield from (f"text_{index}_{slot}" for slot in range(feature.slots))
