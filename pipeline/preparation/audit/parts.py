"""What the leak audit compares: the splits of a store, or the parts that folds are made of."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.preparation.rows.typed_rows import SPLIT
from pipeline.store.layout import SPLITS


@dataclass(frozen=True)
class Parts:
    """What is compared: the splits of a store, or the parts of a division into folds.

    Attributes:
        column: of integers, the part of a row; rows of other parts do not count.
        names: of the parts, in the order of time where that decides; neighbours of one name are one stretch of it.
        noun: what people call a part.
    """

    column: str = SPLIT
    names: tuple[str, ...] = SPLITS
    noun: str = "split"


THE_SPLITS = Parts()
