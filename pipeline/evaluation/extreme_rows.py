"""The rows with the largest and the smallest scores, which people look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AT_MOST = 10
"""Number of rows at either end."""


@dataclass(frozen=True)
class ExtremeRows:
    """The rows with the largest and the smallest scores; of few rows, some are both.

    Attributes:
        row_id: hashes of the rows, int64 [n].
        facts: float64 [n, f], with the score first; the owner defines the other columns.
    """

    row_id: Ints
    facts: Floats

    @classmethod
    def of(cls, row_id: Ints, facts: Floats) -> ExtremeRows:
        """The extreme rows of some, [n] and [n, f]."""
        if len(row_id) > 2 * AT_MOST:
            scores = facts[:, 0]
            largest = np.partition(scores, -AT_MOST)[-AT_MOST]
            smallest = np.partition(scores, AT_MOST - 1)[AT_MOST - 1]
            # Including all that are equal to the last one, so that ties are broken by the row and not by the order.
            kept = np.flatnonzero((scores >= largest) | (scores <= smallest))
            order = kept[_order(row_id[kept], facts[kept])]
            chosen = np.unique(np.concatenate([np.arange(AT_MOST), np.arange(len(order) - AT_MOST, len(order))]))
            row_id, facts = row_id[order[chosen]], facts[order[chosen]]
        return cls(row_id, facts)

    def largest(self) -> Ints:
        """Positions of the rows with the largest scores, the largest first."""
        return _order(self.row_id, self.facts)[:AT_MOST]

    def smallest(self) -> Ints:
        """Positions of the rows with the smallest scores, the smallest first."""
        return _order(self.row_id, self.facts)[::-1][:AT_MOST]


def merge_extreme_rows(parts: Sequence[ExtremeRows]) -> ExtremeRows:
    """The extreme rows of all parts together, of which there is at least one."""
    return ExtremeRows.of(
        np.concatenate([part.row_id for part in parts]), np.concatenate([part.facts for part in parts])
    )


def _order(row_id: Ints, facts: Floats) -> Ints:
    """The order of rows by descending score, then by row."""
    order: Ints = np.lexsort((*facts.T[:0:-1], row_id, -facts[:, 0]))
    return order
