"""Which columns of a store's files the columns of rows are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.schemas.columns import WEIGHT, ColumnSpec, StoreSchema
from pipeline.schemas.tensors import TensorSpec

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Column:
    """A column of rows.

    Attributes:
        sources: columns of the files that it is made of.
        make: its values, from those of each source; may be called by several threads, and raises ValueError.
    """

    sources: tuple[str, ...]
    make: Callable[..., Values]


@dataclass(frozen=True)
class TensorLayout:
    """What a tensor of rows is made of.

    Attributes:
        spec: of the tensor.
        columns: that lie side by side in it; None where it is the column of the files that is called as it is.
    """

    spec: TensorSpec
    columns: tuple[Column, ...] | None = None


@dataclass(frozen=True)
class Layout:
    """What rows are made of.

    Attributes:
        stored: all columns of the files.
        tensors: in the order of the contract.
        label: the column of the files that holds it.
        weight: float32; None where each row counts 1.
    """

    stored: tuple[ColumnSpec, ...]
    tensors: tuple[TensorLayout, ...]
    label: str
    weight: Column | None

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """Of the tensors."""
        return tuple(tensor.spec for tensor in self.tensors)


def plain_layout(contract: StoreSchema) -> Layout:
    """Rows are what the files hold."""
    columns = {role: tuple(map(_as_it_is, contract.names(role))) for role in ("numeric", "categorical")}
    return Layout(
        contract.columns,
        tuple(TensorLayout(spec, columns.get(spec.name)) for spec in contract.tensors),
        contract.names("label")[0],
        _as_it_is(WEIGHT) if contract.names("weight") else None,
    )


def _as_it_is(name: str) -> Column:
    return Column((name,), np.asarray)
