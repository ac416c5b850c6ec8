"""Texts as features see them: a column's own, a cross of several columns, or the values of a multi-valued one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import missing_of
from pipeline.arrays.values import Ids
from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.tokens import CROSS_SEPARATOR, NULL_TOKEN

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TextValues:
    """The values of a multi-valued column in n rows, m of them.

    Attributes:
        values: string [m], row by row.
        rows: [m], the row that each is in.
        slots: [m], its position among the values of its row, from 0.
        counts: [n], how many values each row has; 0 where the text is null.
    """

    values: pa.Array
    rows: Integers
    slots: Integers
    counts: Integers

    def slot(self, slot: int) -> pa.Array:
        """String [n]: the value in one slot, null where a row has fewer."""
        taken = np.full(len(self.counts), -1, np.int64)
        there = np.flatnonzero(self.slots == slot)
        taken[self.rows[there]] = there
        return self.values.take(pa.array(taken, mask=taken < 0))


def text_of(values: Mapping[str, pa.Array], sources: Sequence[str]) -> pa.Array:
    """String [n]: the text of one column, null as it is; or a cross of several, never null."""
    if len(sources) == 1:
        return values[sources[0]]
    return pc.binary_join_element_wise(*(with_null_token(values[name]) for name in sources), CROSS_SEPARATOR)


def with_null_token(text: pa.Array) -> pa.Array:
    """String [n]: the same with a text of its own in place of null."""
    return text.fill_null(NULL_TOKEN) if text.null_count else text


def values_of(text: pa.Array, separator: str) -> TextValues:
    """The values of a multi-valued text, without spaces around them and without empty ones."""
    parts = pc.split_pattern(text, separator)
    values = pc.utf8_trim(pc.list_flatten(parts), " ")
    rows = pc.list_parent_indices(parts).to_numpy()
    kept = pc.not_equal(values, "").to_numpy(zero_copy_only=False)
    rows, values = rows[kept].astype(np.int64), values.filter(pa.array(kept))
    counts = np.bincount(rows, minlength=len(text)).astype(np.int64)
    first = np.cumsum(counts) - counts
    return TextValues(values, rows, np.arange(len(rows)) - first[rows], counts)


def indices_in(text: pa.Array, vocabulary: Sequence[str]) -> Ids:
    """int32 [n]: the index of a text in a vocabulary; -1 where it is not in it. Null is `NULL_TOKEN`."""
    index = pc.index_in(with_null_token(text), _value_set(tuple(vocabulary)))
    indices: Ids = index.fill_null(-1).to_numpy()
    return indices


def ids_in_slots(
    feature: VocabularyFeature | HashedFeature, values: Mapping[str, pa.Array], id_of: Callable[[pa.Array], Ids]
) -> tuple[Ids, ...]:
    """int32 [n], one a slot, with padding in slots without a value.

    Args:
        feature: of one value, or multi-valued.
        values: raw and derived columns by name, [n].
        id_of: string [n] to int32 [n].
    """
    text = text_of(values, feature.sources)
    if feature.separator is None:
        return (id_of(text),)
    split, padding = values_of(text, feature.separator), np.int32(feature.size - 1)
    slots = (split.slot(number) for number in range(feature.slots))
    return tuple(np.where(missing_of(slot), padding, id_of(slot)).astype(np.int32) for slot in slots)


@lru_cache(maxsize=256)
def _value_set(vocabulary: tuple[str, ...]) -> pa.Array:
    """Made once a task, not for each batch."""
    return pa.array(vocabulary, pa.string())
