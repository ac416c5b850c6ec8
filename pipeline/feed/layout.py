"""How the columns of rows are made from the columns of a store's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.schemas.store_schema import WEIGHT, ColumnSpec, StoreSchema
from pipeline.schemas.tensors import TensorSpec

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Column:
    """A column of rows.

    Attributes:
        sources: names of the columns of the files that it is made from.
        make: computes its values from those of each source; called by several threads, and raises ValueError.
    """

    sources: tuple[str, ...]
    make: Callable[..., Values]


@dataclass(frozen=True)
class TensorLayout:
    """How a tensor of rows is made.

    Attributes:
        spec: the spec of the tensor.
        columns: its columns, in order; None if it is read from the one column of the files that has its name.
    """

    spec: TensorSpec
    columns: tuple[Column, ...] | None = None


@dataclass(frozen=True)
class Layout:
    """How rows are made.

    Attributes:
        stored: specs of all columns of the files.
        tensors: how each tensor is made, in the order of the contract.
        label: name of the column of the files that holds the label.
        weight: how weights are made, float32; None if each row counts 1.
    """

    stored: tuple[ColumnSpec, ...]
    tensors: tuple[TensorLayout, ...]
    label: str
    weight: Column | None

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """The specs of the tensors."""
        return tuple(tensor.spec for tensor in self.tensors)


def plain_layout(contract: StoreSchema) -> Layout:
    """The layout of a store whose files hold rows as they are fed."""
    columns = {role: tuple(map(_as_it_is, contract.names(role))) for role in ("numeric", "categorical")}
    return Layout(
        contract.columns,
        tuple(TensorLayout(spec, columns.get(spec.name)) for spec in contract.tensors),
        contract.names("label")[0],
        _as_it_is(WEIGHT) if contract.names("weight") else None,
    )


def _as_it_is(name: str) -> Column:
    return Column((name,), np.asarray)
