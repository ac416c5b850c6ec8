"""Shares of the rows of a text, by codes: missing, out of vocabulary, other values, and one for each frequent value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from pipeline.arrays.masks import missing_of
from pipeline.kinds.feature import TextFeature
from pipeline.kinds.text.arrays import text_of, values_of
from pipeline.kinds.vocabulary.arrays import vocabulary_id
from pipeline.preparation.profile.shares import Shares
from pipeline.preparation.profile.store_sample import StoredValues, is_missing
from pipeline.preparation.rows.typed_rows import Indices
from pipeline.schemas.profile import TextProfile
from pipeline.schemas.tokens import NULL_TOKEN, OUT_OF_VOCABULARY

_MISSING, _UNKNOWN, _REST, _FIRST = 0, 1, 2, 3


Values = Mapping[str, pa.Array]
"""Raw and derived columns by name, float64 or string [n]."""


def top_values(text: TextProfile, feature: TextFeature) -> list[tuple[int, int]]:
    """The vocabulary index and the count of the most frequent values, without those outside of the vocabulary."""
    ids = {value: index for index, value in enumerate(feature.vocabulary)}
    return [(ids[value.value], value.count) for value in text.values if value.value in ids]


def text_codes(text: TextProfile, feature: TextFeature, values: Values) -> Iterator[Indices]:
    """One code for each row, or for each value of a multi-valued text and each row without one."""
    whole = text_of(values, feature.sources)
    if feature.separator is None:
        yield _text_code(whole, text, feature)
        return
    split_values = values_of(whole, feature.separator)
    yield np.full(int(np.sum(split_values.counts == 0)), _MISSING, np.int32)
    for slot in range(feature.slots):
        yield _text_code(split_values.slot(slot).drop_null(), text, feature)


def _text_code(value: pa.Array, text: TextProfile, feature: TextFeature) -> Indices:
    missing = missing_of(value)
    if not feature.has_vocabulary:
        return np.where(missing, np.int32(_MISSING), np.int32(_REST))
    ids = vocabulary_id(value, feature.vocabulary)
    codes = np.full(len(feature.vocabulary) + 1, _REST, np.int32)
    codes[OUT_OF_VOCABULARY] = _UNKNOWN
    for rank, (word, _) in enumerate(top_values(text, feature)):
        codes[word + 1] = rank + _FIRST
    return np.where(missing, np.int32(_MISSING), codes[ids])


def text_before(text: TextProfile, feature: TextFeature) -> Shares:
    """The shares of training rows."""
    top = [count for _, count in top_values(text, feature)]
    rest = max(text.rows - text.nulls - sum(top), 0)
    unknown = None if text.unknown is None else text.unknown / max(text.rows, 1)
    return Shares(text.rows, [*top, rest], text.nulls / max(text.rows, 1), unknown)


def text_after(size: int, counted: Mapping[int, int], feature: TextFeature) -> Shares:
    """The shares of other rows, from the counts of the codes; `size` frequent values have their own bins."""
    rows, unknown = sum(counted.values()), counted.get(_UNKNOWN, 0)
    top = [counted.get(rank + _FIRST, 0) for rank in range(size)]
    new = unknown / max(rows, 1) if feature.has_vocabulary else None
    return Shares(rows, [*top, counted.get(_REST, 0) + unknown], counted.get(_MISSING, 0) / max(rows, 1), new)


def stored_text(text: TextProfile, feature: TextFeature, sample: StoredValues) -> Shares:
    """The shares of stored ids; a null that is not in the vocabulary counts as out of vocabulary."""
    ids = sample.ids[feature.name]
    if not feature.has_vocabulary:
        missing = int(np.sum(is_missing(ids, feature)))
        return text_after(0, {_MISSING: missing, _REST: len(ids) - missing}, feature)
    counts = np.bincount(ids[ids >= 0], minlength=len(feature.vocabulary) + 1).tolist()
    null = feature.vocabulary.index(NULL_TOKEN) + 1 if NULL_TOKEN in feature.vocabulary else None
    top = [counts[index + 1] for index, _ in top_values(text, feature)]
    missing = counts[null] if null is not None else 0
    missing += int(np.sum(is_missing(ids, feature))) if feature.separator is not None else 0
    codes = {index + _FIRST: count for index, count in enumerate(top)}
    rest = len(ids) - sum(top) - missing - counts[0]
    return text_after(len(top), codes | {_MISSING: missing, _UNKNOWN: counts[0], _REST: rest}, feature)
