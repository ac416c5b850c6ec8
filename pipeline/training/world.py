"""The processes that train together, as seen by one of them. A world of one needs no Horovod."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

SINGLE_SIZE = 1


class World(Protocol):
    """A rank and its way to talk to the others; every rank makes the same calls in the same order."""

    @property
    def rank(self) -> int:
        """0 to size - 1."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """The sums over all ranks, tensor by tensor; may be called within `tf.function`."""

    def gather(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """Tensor by tensor, those of all ranks along the first axis, by rank; may be called within `tf.function`."""

    def swap(self, tensor: Any, name: str) -> Any:
        """Of a tensor with a part for each rank along the first axis, the parts that all ranks have for this one."""

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Give every rank the values of rank 0."""


@dataclass(frozen=True)
class SingleWorld:
    """A world of one."""

    rank: int = 0
    size: int = SINGLE_SIZE

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """The tensors themselves."""
        return list(tensors)

    def gather(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """The tensors themselves."""
        return list(tensors)

    def swap(self, tensor: Any, name: str) -> Any:
        """The tensor itself."""
        return tensor

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Nothing to do."""
