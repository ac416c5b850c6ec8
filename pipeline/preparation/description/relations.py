"""How columns of a sample relate: correlations, values that are missing together, rows that occur twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.stats import rankdata

from pipeline.arrays.cells import category_of, is_missing

SHOWN_PAIRS, SHOWN_PATTERNS = 20, 10
LEAST = 0.3
"""The least correlation that is shown."""
MOST_CATEGORIES = 50
MOST_COLUMNS = 200
"""Of a kind, that are compared with one another."""

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Pair:
    """Two columns and how far they go together.

    Attributes:
        first: one column.
        second: the other.
        measure: Spearman's rank correlation, from -1 to 1, or Cramér's V, from 0 to 1.
        value: of the measure.
        rows: rows that have both values.
    """

    first: str
    second: str
    measure: str
    value: float
    rows: int


@dataclass(frozen=True)
class MissingPattern:
    """Columns whose values are missing in the same rows, and in how many rows just these are."""

    columns: tuple[str, ...]
    rows: int


def correlated_pairs(numbers: Mapping[str, Floats], texts: Mapping[str, Texts]) -> list[Pair]:
    """The pairs of two numbers or two texts that go together most, the strongest first.

    Args:
        numbers: float64 [n] by column, NaN for missing values.
        texts: str [n] by column, None for missing values.
    """
    few = {name: codes for name, text in texts.items() if len(codes := _codes(text)) and codes.max() < MOST_CATEGORIES}
    pairs = [_spearman(*pair) for pair in combinations(list(numbers.items())[:MOST_COLUMNS], 2)]
    pairs += [_cramer(*pair) for pair in combinations(list(few.items())[:MOST_COLUMNS], 2)]
    strong = [pair for pair in pairs if abs(pair.value) >= LEAST]
    return sorted(strong, key=lambda pair: -abs(pair.value))[:SHOWN_PAIRS]


def missing_patterns(sample: pa.Table) -> list[MissingPattern]:
    """The combinations of columns that are missing in the same rows, the most frequent first; without full rows."""
    missing = np.stack([is_missing(column.combine_chunks()) for column in sample.columns], axis=1)
    counts = Counter(map(bytes, missing[missing.any(axis=1)]))
    names = np.array(sample.column_names, object)
    return [
        MissingPattern(tuple(names[np.frombuffer(pattern, bool)]), rows)
        for pattern, rows in counts.most_common(SHOWN_PATTERNS)
    ]


def duplicate_rows(sample: pa.Table) -> int:
    """The number of rows that equal an earlier one in every column."""
    codes = [_codes(category_of(column.combine_chunks()).to_numpy(zero_copy_only=False)) for column in sample.columns]
    return int(sample.num_rows - len(np.unique(np.stack(codes, axis=1), axis=0))) if codes else 0


def _spearman(first: tuple[str, Floats], second: tuple[str, Floats]) -> Pair:
    both = np.isfinite(first[1]) & np.isfinite(second[1])
    x, y = (rankdata(values[both]) for values in (first[1], second[1]))
    spread = float(x.std() * y.std()) if both.any() else 0.0
    value = float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else 0.0
    return Pair(first[0], second[0], "rank correlation", value, int(both.sum()))


def _cramer(first: tuple[str, npt.NDArray[np.int64]], second: tuple[str, npt.NDArray[np.int64]]) -> Pair:
    both = (first[1] >= 0) & (second[1] >= 0)
    x, y = first[1][both], second[1][both]
    rows, value = len(x), 0.0
    if rows:
        counts = np.zeros((int(x.max()) + 1, int(y.max()) + 1))
        np.add.at(counts, (x, y), 1.0)
        counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
        expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / rows
        ways = min(counts.shape) - 1
        value = float(np.sqrt(((counts - expected) ** 2 / expected).sum() / (rows * ways))) if ways else 0.0
    return Pair(first[0], second[0], "Cramér's V", value, rows)


def _codes(text: Sequence[str | None] | Texts) -> npt.NDArray[np.int64]:
    """An integer code for each text [n], -1 for a missing one."""
    codes: dict[str | None, int] = {}
    return np.fromiter((-1 if value is None else codes.setdefault(value, len(codes)) for value in text), np.int64)
