"""The rows with the largest and the smallest scores: what a person looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AT_MOST = 10
"""Rows at either end."""


@dataclass(frozen=True)
class ExtremeRows:
    """Rows at both ends; few rows may be at both.

    Attributes:
        row_id: int64 [n].
        facts: float64 [n, f], the score first; what the other columns are is the owner's business.
    """

    row_id: Ints
    facts: Floats

    @classmethod
    def of(cls, row_id: Ints, facts: Floats) -> ExtremeRows:
        """The ends of some rows, [n] and [n, f]."""
        if len(row_id) > 2 * AT_MOST:
            scores = facts[:, 0]
            largest = np.partition(scores, -AT_MOST)[-AT_MOST]
            smallest = np.partition(scores, AT_MOST - 1)[AT_MOST - 1]
            # With all that are equal to the last one, so that ties are broken by the row and not by the order.
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
    """The ends of all rows together; there is at least one part."""
    return ExtremeRows.of(
        np.concatenate([part.row_id for part in parts]), np.concatenate([part.facts for part in parts])
    )


def _order(row_id: Ints, facts: Floats) -> Ints:
    """Largest scores first, then by row."""
    order: Ints = np.lexsort((*facts.T[:0:-1], row_id, -facts[:, 0]))
    return order
