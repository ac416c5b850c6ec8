"""The parts that the leak audit compares: the splits of a store, or the parts of folds."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.preparation.rows.typed_rows import SPLIT
from pipeline.store.layout import SPLITS


@dataclass(frozen=True)
class Parts:
    """The splits of a store, or the parts of folds.

    Attributes:
        column: the integer column with the part of each row; rows outside of the named parts are ignored.
        names: names of the parts, in chronological order where time decides; adjacent parts may share a name.
        noun: the word for a part in messages.
    """

    column: str = SPLIT
    names: tuple[str, ...] = SPLITS
    noun: str = "split"


THE_SPLITS = Parts()
