"""The contract of a store: its columns and their types, `contract.json`.

A batch, on the TensorFlow side, holds these tensors (b rows):

    numeric      float32 [b, n]   one column a numeric feature
    categorical  int32   [b, c]   one column a categorical feature, ids below its size
    label        float32 [b]      in the label's own unit, or the class id
    weight       float32 [b]      0 for a padding row, else the row's own weight (1 where there is none)
    extras       one tensor [b, ...] a further column, by name: arrays, lists of ids, texts, bytes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipeline.schemas.document import Document

ROW_ID = "__row_id"
"""int64: a stable hash of the row's key (of all feature columns and the label, where there is no key)."""

WEIGHT = "__weight"
"""float32: how much a row counts in training; only where the configuration names a column of weights."""

StoreType = Literal["float32", "float64", "int32", "int64", "string", "binary"]


BYTES: Mapping[StoreType, int] = {"float32": 4, "float64": 8, "int32": 4, "int64": 8}
"""Of one value, for types whose values have all the same size."""


class ColumnSpec(Document):
    """One column of a store.

    Attributes:
        name: as in the source.
        type: its type at rest.
        role: what it is for.
        size: number of ids of a categorical column, else None.
        shape: of an `extra` column's value; () for a single value. At rest it is a list of `type`, row-major.
        ragged: whether lists may be shorter than `shape`, which then has one number; they are padded at the end.
        padding: what they are padded with.
    """

    name: str
    type: StoreType
    role: Literal["numeric", "categorical", "label", "weight", "row_id", "extra"]
    size: int | None = None
    shape: tuple[int, ...] = ()
    ragged: bool = False
    padding: int = 0


class StoreContract(Document):
    """All columns of a store, in the order in which they are written."""

    columns: tuple[ColumnSpec, ...]

    def names(self, role: str) -> tuple[str, ...]:
        """The columns of one role, in order."""
        return tuple(column.name for column in self.columns if column.role == role)

    @property
    def extras(self) -> tuple[ColumnSpec, ...]:
        """Columns that reach the model as tensors of their own, in order."""
        return tuple(column for column in self.columns if column.role == "extra")
