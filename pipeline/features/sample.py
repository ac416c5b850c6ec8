"""A sample of training rows in the driver's memory, for what needs the values themselves: quantiles, modes, lambdas.

Rows are chosen by a hash of their own, so the sample is the same on any partitioning. It holds all training rows where
there are at most `SAMPLE_ROWS` of them, and everything learned from it is then exact. With more rows the share of rows
below a sampled quantile differs from the wanted share by less than 0.8 % with a probability above 1 - 1e-6, whatever
the distribution (Dvoretzky, Kiefer and Wolfowitz: sqrt(ln(2e6) / (2 x 131072)) = 0.0075); of wide tables, fewer rows
are taken, so that the sample stays below `SAMPLE_CELLS` values (128 MB).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.contract.curve import Values
from pipeline.data.division import WHOLE, Division, Fold
from pipeline.data.split import ORDER

SAMPLE_ROWS = 1 << 17
SAMPLE_CELLS = 1 << 24
CONFIDENCE = 1e-6
_STEPS = 1 << 30


@dataclass(frozen=True)
class Sample:
    """Some training rows, or all of them.

    Attributes:
        numbers: by name, float64 [n]; NaN where there is no finite value.
        texts: by name, str or None [n].
        share: of the training rows that were taken, 1.0 for all.
    """

    numbers: Mapping[str, Values]
    texts: Mapping[str, npt.NDArray[np.object_]]
    share: float = 1.0

    @property
    def rows(self) -> int:
        """n."""
        columns: list[Any] = [*self.numbers.values(), *self.texts.values()]
        return len(columns[0]) if columns else 0

    @property
    def error(self) -> float:
        """By how much the rank of a quantile may be off, as a share of the rows; 0.0 where all were taken."""
        return 0.0 if self.share >= 1.0 or not self.rows else math.sqrt(math.log(2 / CONFIDENCE) / (2 * self.rows))

    def finite(self, name: str) -> Values:
        """The values of a number that are there, ascending."""
        values = self.numbers[name]
        return np.sort(values[np.isfinite(values)])


def take_samples(
    rows: DataFrame,
    numbers: Mapping[str, Column],
    texts: Mapping[str, Column],
    train_rows: Sequence[int],
    division: Division = WHOLE,
) -> tuple[Sample, ...]:
    """Run the query, for all folds at once; there is none where no column is asked for.

    Args:
        rows: typed rows with the column of groups and `ORDER`.
        numbers: doubles by name.
        texts: strings by name.
        train_rows: how many training rows each fold has.
        division: the folds.
    """
    if not numbers and not texts:
        return tuple(Sample({}, {}) for _ in division.folds)
    limit = min(SAMPLE_ROWS, max(SAMPLE_CELLS // (len(numbers) + len(texts)), 1000))
    shares = [min(1.0, limit / max(count, 1)) for count in train_rows]
    draw = F.pmod(F.xxhash64(F.lit("sample"), F.col(ORDER)), F.lit(_STEPS))
    # Of each group no more than the fold needs that takes most of it: a small fold may need all of its rows.
    bounds = F.array(*(F.lit(bound) for bound in _bounds(shares, division)))
    chosen = draw < F.get(bounds, F.col(division.column))
    columns = [column.cast("double").alias(f"n{i}") for i, column in enumerate(numbers.values())]
    columns += [column.alias(f"t{i}") for i, column in enumerate(texts.values())]
    place = [F.col(ORDER).alias("order"), F.col(division.column).alias("group"), draw.alias("draw")]
    row = F.array(F.struct(*place, *columns))
    # Not a filter, see `vocabulary.py`.
    table = rows.select(F.inline(F.when(chosen, row))).toArrow().sort_by("order")
    return tuple(
        _sample(table, fold, share, list(numbers), list(texts))
        for fold, share in zip(division.folds, shares, strict=True)
    )


def _bounds(shares: Sequence[float], division: Division) -> list[int]:
    """By group: below which draw a row is wanted by some fold."""
    bounds = [0] * (division.trained_on[-1] + 1)
    for fold, share in zip(division.folds, shares, strict=True):
        for group in fold.train:
            bounds[group] = max(bounds[group], int(share * _STEPS))
    return bounds


def _sample(table: pa.Table, fold: Fold, share: float, numbers: Sequence[str], texts: Sequence[str]) -> Sample:
    """What one fold alone would have drawn, each row as often as it counts."""
    group = table["group"].to_numpy()
    times = np.select([group == trained for trained in fold.train], [*fold.train.values()], 0)
    own = np.repeat(np.arange(len(group)), np.where(table["draw"].to_numpy() < int(share * _STEPS), times, 0))
    return Sample(
        {name: _numbers(table[f"n{i}"])[own] for i, name in enumerate(numbers)},
        {name: table[f"t{i}"].to_numpy()[own] for i, name in enumerate(texts)},
        share,
    )


def _numbers(column: Any) -> Values:
    values = column.to_numpy().astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)
