"""The groups of a batch's rows, as indices among the groups whose values are counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.preparation.rows.typed_rows import Indices


@dataclass(frozen=True)
class GroupIndex:
    """Rows by group, among g groups.

    Attributes:
        numbers: the numbers of the groups, [g].
        index: the index of each row's group in `numbers`, -1 for other groups, [n].
    """

    numbers: Indices
    index: Indices

    def of(self, rows: npt.NDArray[np.int64]) -> GroupIndex:
        """The index of some rows, which may repeat."""
        return GroupIndex(self.numbers, self.index[rows])


class Groups:
    """The groups of the rows of a batch; keeps their indices, which are the same for all columns."""

    def __init__(self, groups: Indices) -> None:
        """`groups` are the groups of n rows, [n]."""
        self._groups = groups
        self._indices: dict[tuple[int, ...], GroupIndex] = {}

    def index_of(self, wanted: tuple[int, ...]) -> GroupIndex:
        """The rows' index among the wanted groups, which must be ascending."""
        if wanted not in self._indices:
            numbers = np.asarray(wanted, np.int32)
            positions = np.minimum(np.searchsorted(numbers, self._groups), max(len(numbers) - 1, 0)).astype(np.int32)
            is_wanted = numbers[positions] == self._groups if len(numbers) else np.zeros(len(self._groups), bool)
            self._indices[wanted] = GroupIndex(numbers, np.where(is_wanted, positions, np.int32(-1)))
        return self._indices[wanted]
