"""Which columns of a store's files the columns of rows are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.schemas.columns import WEIGHT, ColumnSpec, StoreContract

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
class Layout:
    """What rows are made of.

    Attributes:
        stored: all columns of the files.
        numeric: float32, or what can be cast to it.
        categorical: int32.
        label: the column of the files that holds it.
        weight: float32; None where each row counts 1.
        extras: further columns, which are taken as they are.
    """

    stored: tuple[ColumnSpec, ...]
    numeric: tuple[Column, ...]
    categorical: tuple[Column, ...]
    label: str
    weight: Column | None
    extras: tuple[ColumnSpec, ...] = ()


def plain_layout(contract: StoreContract) -> Layout:
    """Rows are what the files hold."""
    return Layout(
        contract.columns,
        tuple(map(_as_it_is, contract.names("numeric"))),
        tuple(map(_as_it_is, contract.names("categorical"))),
        contract.names("label")[0],
        _as_it_is(WEIGHT) if contract.names("weight") else None,
        contract.extras,
    )


def _as_it_is(name: str) -> Column:
    return Column((name,), np.asarray)
