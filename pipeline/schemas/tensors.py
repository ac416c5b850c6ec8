"""Named tensors: what the feed gives and what networks take.

A batch of b rows is a tensor [b, *shape] for each of these, beside label, weight and row mask. Kinds of features
declare the tensors that they feed, and so do further columns of a store; the feed allocates and checks by them, and a
network's Keras inputs are made of them. Today's features feed two,

    numeric      float32 [a]   a column for each feature of a number
    categorical  int32   [c]   a column for each feature of ids, or for each slot of a multi-valued one
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pipeline.schemas.document import Document

Dtype = Literal["float32", "float64", "int32", "int64", "string", "binary"]


class TensorSpec(Document):
    """One tensor.

    Attributes:
        name: in the batch, and of the network's input.
        dtype: of its values; `string` and `binary` are bytes.
        shape: of one row; () for a single value.
        ragged: whether the lists that it is read from may be shorter than `shape`, which then has one number.
        padding: what shorter lists are filled up with, at the end.
    """

    name: str
    dtype: Dtype
    shape: tuple[int, ...] = ()
    ragged: bool = False
    padding: int = 0

    def __str__(self) -> str:
        """For messages, such as `float32 [3]`."""
        return described(self.dtype, self.shape)


def described(dtype: str, shape: Iterable[int | None]) -> str:
    """Type and shape of a tensor, without its axis of rows."""
    return f"{'string' if dtype == 'binary' else dtype} [{', '.join(map(str, shape))}]"


def concat_specs(parts: Iterable[TensorSpec]) -> tuple[TensorSpec, ...]:
    """The tensors that parts make up: those of one name lie along their first axis, in order.

    Raises:
        ValueError: parts of one name cannot lie side by side.
    """
    whole: dict[str, list[TensorSpec]] = {}
    for part in parts:
        whole.setdefault(part.name, []).append(part)
    return tuple(_joined(name, specs) for name, specs in whole.items())


def _joined(name: str, specs: list[TensorSpec]) -> TensorSpec:
    first = specs[0]
    if len(specs) == 1:
        return first
    odd = [spec for spec in specs if not spec.shape or (spec.dtype, spec.shape[1:]) != (first.dtype, first.shape[1:])]
    if odd or any(spec.ragged for spec in specs):
        wrong = odd[0] if odd else first
        raise ValueError(
            f"tensor '{name}' is {first} in one part and {wrong} in another, which do not lie side by side"
        )
    width = sum(spec.shape[0] for spec in specs)
    return TensorSpec(name=name, dtype=first.dtype, shape=(width, *first.shape[1:]))
