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

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Nothing to do."""
