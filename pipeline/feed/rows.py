"""Rows of a store as numpy columns, the unit in which everything in the feed is moved."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.contract.columns import ROW_ID, WEIGHT, StoreContract


@dataclass(frozen=True)
class Rows:
    """n rows.

    Attributes:
        numeric: float32 [n, a].
        categorical: int32 [n, c].
        label: float64 [n], in the label's own unit, or the class id.
        row_id: int64 [n].
        weight: float32 [n], how much each row counts in training.
    """

    numeric: npt.NDArray[np.float32]
    categorical: npt.NDArray[np.int32]
    label: npt.NDArray[np.float64]
    row_id: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]

    def __len__(self) -> int:
        """n."""
        return self.label.shape[0]

    def take(self, rows: npt.NDArray[np.int64] | slice) -> Rows:
        """Some rows: a copy for positions, a view for a slice."""
        return Rows(self.numeric[rows], self.categorical[rows], self.label[rows], self.row_id[rows], self.weight[rows])

    def weighed(self, class_weights: Sequence[float] | None) -> Rows:
        """The same rows, each one's weight multiplied by that of its class; None leaves the weights."""
        if class_weights is None:
            return self
        factor = np.asarray(class_weights, np.float32)[self.label.astype(np.int64)]
        return replace(self, weight=self.weight * factor)


def rows_of(contract: StoreContract, columns: Mapping[str, npt.NDArray[Any]]) -> Rows:
    """One row group's columns, by name, as `Rows`."""
    label = columns[contract.names("label")[0]]
    return Rows(
        _stack(columns, contract.names("numeric"), len(label), np.float32),
        _stack(columns, contract.names("categorical"), len(label), np.int32),
        label.astype(np.float64),
        columns[ROW_ID].astype(np.int64, copy=False),
        columns[WEIGHT].astype(np.float32, copy=False) if WEIGHT in columns else np.ones(len(label), np.float32),
    )


def _stack(
    columns: Mapping[str, npt.NDArray[Any]], names: Sequence[str], rows: int, dtype: type[np.generic]
) -> npt.NDArray[Any]:
    """The named columns side by side: [rows, len(names)]."""
    stacked = np.empty((rows, len(names)), dtype)
    for position, name in enumerate(names):
        stacked[:, position] = columns[name]
    return stacked


class RowStream:
    """Rows of one shard, handed out in the sizes that are asked for."""

    def __init__(self, groups: Generator[Rows, None, None]) -> None:
        """`groups` gives the rows in order, in pieces of any size."""
        self._groups = groups
        self._rest: Rows | None = None

    def take(self, count: int) -> list[Rows]:
        """The next `count` rows, in as many pieces as they come.

        Raises:
            EOFError: fewer rows are left.
        """
        pieces = []
        while count:
            rest = self._rest if self._rest is not None and len(self._rest) else self._next_group()
            pieces.append(rest.take(slice(count)))
            self._rest = rest.take(slice(count, None))
            count -= len(pieces[-1])
        return pieces

    def skip(self, count: int) -> None:
        """Pass over the next `count` rows."""
        self.take(count)

    def finish(self) -> None:
        """Make sure that no row is left; the reader behind `groups` checks its count when it is asked once more.

        Raises:
            ValueError: a row is left.
        """
        if (self._rest is not None and len(self._rest)) or next(self._groups, None) is not None:
            raise ValueError("more rows than planned")

    def close(self) -> None:
        """End the reader, wherever it is."""
        self._groups.close()

    def _next_group(self) -> Rows:
        group = next(self._groups, None)
        if group is None:
            raise EOFError
        return group
