"""A sample of training rows in the driver's memory, for what needs the values themselves: quantiles, modes, lambdas.

Rows are chosen by a hash of their own, so the sample is the same on any partitioning. It holds all training rows where
there are at most `SAMPLE_ROWS` of them, and everything learned from it is then exact. With more rows the share of rows
below a sampled quantile differs from the wanted share by less than 0.8 % with a probability above 1 - 1e-6, whatever
the distribution (Dvoretzky, Kiefer and Wolfowitz: sqrt(ln(2e6) / (2 x 131072)) = 0.0075); of wide tables, fewer rows
are taken, so that the sample stays below `SAMPLE_CELLS` values (128 MB).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.contract.curve import Values
from pipeline.data.split import ORDER, SPLIT, TRAIN

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


def take_sample(rows: DataFrame, numbers: Mapping[str, Column], texts: Mapping[str, Column], train_rows: int) -> Sample:
    """Run the query; there is none where no column is asked for.

    Args:
        rows: typed rows with `SPLIT` and `ORDER`.
        numbers: doubles by name.
        texts: strings by name.
        train_rows: how many training rows there are.
    """
    if not numbers and not texts:
        return Sample({}, {})
    limit = min(SAMPLE_ROWS, max(SAMPLE_CELLS // (len(numbers) + len(texts)), 1000))
    share = min(1.0, limit / max(train_rows, 1))
    chosen = F.col(SPLIT) == TRAIN
    if share < 1.0:
        chosen &= F.pmod(F.xxhash64(F.lit("sample"), F.col(ORDER)), F.lit(_STEPS)) < int(share * _STEPS)
    columns = [column.cast("double").alias(f"n{i}") for i, column in enumerate(numbers.values())]
    columns += [column.alias(f"t{i}") for i, column in enumerate(texts.values())]
    row = F.array(F.struct(F.col(ORDER).alias("order"), *columns))
    # Not a filter, see `vocabulary.py`.
    table = rows.select(F.inline(F.when(chosen, row))).toArrow().sort_by("order")
    return Sample(
        {name: _numbers(table[f"n{i}"]) for i, name in enumerate(numbers)},
        {name: table[f"t{i}"].to_numpy() for i, name in enumerate(texts)},
        share,
    )


def _numbers(column: Any) -> Values:
    values = column.to_numpy().astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)
