"""A sample of training rows in the driver's memory, for quantiles, modes and the lambdas of power transforms.

A hash of each row decides whether it is drawn, so the sample does not depend on the partitioning. It has all training
rows where there are at most `SAMPLE_ROWS` of them, and everything fitted to it is then exact. With more rows, the share
of rows below a sampled quantile differs from the wanted share by less than 0.8 % with a probability above 1 - 1e-6,
whatever the distribution (Dvoretzky, Kiefer and Wolfowitz: sqrt(ln(2e6) / (2 x 131072)) = 0.0075). Samples of wide
tables have fewer rows, so that they stay below `SAMPLE_CELLS` values (128 MB).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.hashing import salted_once
from pipeline.arrays.values import Values
from pipeline.preparation.reading.scan import Parts
from pipeline.preparation.rows.fold_roles import WHOLE, Fold, FoldAssignment
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows

SAMPLE_ROWS = 1 << 17
SAMPLE_CELLS = 1 << 24
CONFIDENCE = 1e-6
_STEPS = 1 << 30


@dataclass(frozen=True)
class Sample:
    """Some training rows, or all of them.

    Attributes:
        numbers: float64 [n] by name, NaN where there is no finite value.
        share: the share of the training rows that was drawn, 1.0 for all.
    """

    numbers: Mapping[str, Values]
    share: float = 1.0

    @property
    def rows(self) -> int:
        """The number of rows, n."""
        return len(next(iter(self.numbers.values()), ()))

    @property
    def error(self) -> float:
        """The possible error of the rank of a quantile, as a share of the rows; 0.0 where all rows were drawn."""
        return 0.0 if self.share >= 1.0 or not self.rows else math.sqrt(math.log(2 / CONFIDENCE) / (2 * self.rows))

    def finite(self, name: str) -> Values:
        """The finite values of a number, ascending."""
        values = self.numbers[name]
        return np.sort(values[np.isfinite(values)])


Numbers = Callable[[Rows], Mapping[str, pa.Array]]
"""Maps a batch of n rows to the sampled columns, float64 [n] by name; the same names for each batch."""


class SampleAccumulator:
    """Accumulates the rows of a piece with the smallest draws, some of each group.

    The share of the rows that is needed is known only when all rows are counted; `samples_in` tells whether the rows
    that were kept suffice.
    """

    def __init__(self, names: Sequence[str], numbers: Numbers, assignment: FoldAssignment, most: int) -> None:
        """Keep at most `most` rows of each group."""
        self._names, self._numbers, self._assignment, self._most = names, numbers, assignment, most
        self._drawn = _schema(names).empty_table()
        self._cut = dict.fromkeys(assignment.trained_on, _STEPS)

    def add(self, rows: Rows) -> None:
        """Add a batch."""
        bounds = np.array([self._cut.get(group, 0) for group in range(self._assignment.trained_on[-1] + 1)])
        drawn = _drawn(rows, self._names, self._numbers, self._assignment, bounds)
        self._drawn = pa.concat_tables([self._drawn, drawn])
        for group in self._assignment.trained_on:
            self._thin(group)

    def result(self) -> pa.Table:
        """The partial result; its metadata has the draw of each group below which no row is missing."""
        return self._drawn.replace_schema_metadata({str(group): str(cut) for group, cut in self._cut.items()})

    def _thin(self, group: int) -> None:
        in_group = pc.equal(self._drawn["group"], group)
        draws = self._drawn["draw"].filter(in_group).to_numpy()
        if len(draws) > self._most:
            cut = int(np.partition(draws, self._most)[self._most])
            self._cut[group] = cut
            self._drawn = self._drawn.filter(pc.invert(pc.and_(in_group, pc.greater_equal(self._drawn["draw"], cut))))


def samples_in(
    parts: Sequence[pa.Table],
    kept: Sequence[str],
    names: Sequence[str],
    train_rows: Sequence[int],
    assignment: FoldAssignment,
) -> tuple[Sample, ...] | None:
    """The samples of all folds; None where the rows that were kept do not suffice.

    Args:
        parts: partial results of `SampleAccumulator`.
        kept: names of the numbers that were kept.
        names: names of the numbers that are wanted, among those kept.
        train_rows: number of training rows of each fold.
        assignment: the folds.
    """
    shares = shares_of(len(names), train_rows)
    bounds = _bounds(shares, assignment)
    for part in parts:
        cut = {int(group): int(draw) for group, draw in part.schema.metadata.items()}
        if any(bounds[group] > cut[group] for group in assignment.trained_on):
            return None
    columns = ["order", "group", "draw", *(f"n{kept.index(name)}" for name in names)]
    wanted_rows = [
        part.replace_schema_metadata().select(columns).rename_columns(_schema(names).names) for part in parts
    ]
    return _samples(wanted_rows, names, shares, assignment)


def take_samples(
    table: Table, names: Sequence[str], numbers: Numbers, train_rows: Sequence[int], assignment: FoldAssignment = WHOLE
) -> tuple[Sample, ...]:
    """Draw the samples of all folds in a pass of their own; without a pass where `names` is empty.

    Args:
        table: the rows.
        names: names of the numbers.
        numbers: the columns to sample.
        train_rows: number of training rows of each fold.
        assignment: the folds.
    """
    if not names:
        return tuple(Sample({}) for _ in assignment.folds)
    shares = shares_of(len(names), train_rows)
    bounds = _bounds(shares, assignment)

    def work(batches: Iterator[Rows]) -> Parts:
        drawn = [_drawn(rows, names, numbers, assignment, bounds) for rows in batches]
        return {"sample": pa.concat_tables([_schema(names).empty_table(), *drawn])}

    return _samples(table.collect(work).get("sample", []), names, shares, assignment)


def shares_of(columns: int, train_rows: Sequence[int]) -> list[float]:
    """The share of its training rows that each fold samples."""
    limit = rows_of_sample(columns)
    return [min(1.0, limit / max(count, 1)) for count in train_rows]


def rows_of_sample(columns: int) -> int:
    """The most rows of a sample."""
    return min(SAMPLE_ROWS, max(SAMPLE_CELLS // max(columns, 1), 1000))


def _samples(
    parts: Sequence[pa.Table], names: Sequence[str], shares: Sequence[float], assignment: FoldAssignment
) -> tuple[Sample, ...]:
    drawn = pa.concat_tables([_schema(names).empty_table(), *parts]).sort_by("order")
    return tuple(_sample(drawn, fold, share, names) for fold, share in zip(assignment.folds, shares, strict=True))


def _bounds(shares: Sequence[float], assignment: FoldAssignment) -> npt.NDArray[np.int64]:
    """By group: the draw below which any fold needs a row. A small fold may need all rows of a group."""
    bounds = np.zeros(assignment.trained_on[-1] + 1, np.int64)
    for fold, share in zip(assignment.folds, shares, strict=True):
        for group in fold.train:
            bounds[group] = max(bounds[group], int(share * _STEPS))
    return bounds


def _schema(names: Sequence[str]) -> pa.Schema:
    keys = [("order", pa.int64()), ("group", pa.int32()), ("draw", pa.int64())]
    return pa.schema([*keys, *((f"n{i}", pa.float64()) for i in range(len(names)))])


def _drawn(
    rows: Rows, names: Sequence[str], numbers: Numbers, assignment: FoldAssignment, bounds: npt.NDArray[np.int64]
) -> pa.Table:
    """The rows of a batch that are in the sample of any fold."""
    group = rows.placement.of(assignment.column)
    draw = np.mod(salted_once("sample", rows.placement.order), _STEPS)
    is_trained_on = (group >= 0) & (group < len(bounds))
    chosen = np.flatnonzero(is_trained_on & (draw < bounds[np.where(is_trained_on, group, 0)]))
    values = numbers(rows)
    columns = [values[name].take(pa.array(chosen)) for name in names]
    return pa.table([rows.placement.order[chosen], group[chosen], draw[chosen], *columns], schema=_schema(names))


def _sample(drawn: pa.Table, fold: Fold, share: float, names: Sequence[str]) -> Sample:
    """The sample that one fold alone would have drawn, with each row as often as it counts."""
    group = drawn["group"].to_numpy()
    times = np.select([group == trained for trained in fold.train], [*fold.train.values()], 0)
    chosen = np.repeat(np.arange(len(group)), np.where(drawn["draw"].to_numpy() < int(share * _STEPS), times, 0))
    return Sample({name: _finite(drawn[f"n{i}"])[chosen] for i, name in enumerate(names)}, share)


def _finite(column: pa.ChunkedArray) -> Values:
    values = column.to_numpy()
    return np.where(np.isfinite(values), values, np.nan)
