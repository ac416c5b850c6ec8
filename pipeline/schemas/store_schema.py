"""The schema of a store: its columns and their types, `contract.json`.

The tensors of a batch are made of them, see `tensors.py`: columns of the roles `numeric` and `categorical` lie side by
side in one tensor each, an `extra` column is a tensor of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipeline.schemas.document import Document
from pipeline.schemas.tensors import Dtype, TensorSpec, concat_specs

ROW_ID = "__row_id"
"""int64: a stable hash of the row's key (of all feature columns and the label, where there is no key)."""

WEIGHT = "__weight"
"""float32: how much a row counts in training; only where the configuration names a column of weights."""

StoreType = Dtype
"""Of a column at rest."""

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

    @property
    def tensor(self) -> TensorSpec:
        """The tensor that it is, or is a column of."""
        if self.role != "extra":
            return TensorSpec(name=self.role, dtype=self.type, shape=(1,))
        return TensorSpec(name=self.name, dtype=self.type, shape=self.shape, ragged=self.ragged, padding=self.padding)


class StoreSchema(Document):
    """All columns of a store, in the order in which they are written."""

    columns: tuple[ColumnSpec, ...]

    def names(self, role: str) -> tuple[str, ...]:
        """The columns of one role, in order."""
        return tuple(column.name for column in self.columns if column.role == role)

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """What a batch of such rows holds beside label, weight and row mask.

        Raises:
            ValueError: a further column is called like the tensor of other columns.
        """
        features = [column for column in self.columns if column.role in ("numeric", "categorical")]
        tensors = concat_specs(column.tensor for column in features)
        further = tuple(column.tensor for column in self.columns if column.role == "extra")
        if taken := {spec.name for spec in tensors} & {spec.name for spec in further}:
            raise ValueError(f"column '{min(taken)}' is called like the tensor of several columns. Rename it.")
        return tensors + further
