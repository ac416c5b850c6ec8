"""The processes that train together, as seen by one of them. A world of one needs nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

SINGLE_SIZE = 1

ExchangeWay = Literal["none", "shared_memory", "horovod", "hosts"]
"""How ranks exchange tensors: through memory that all of them share, by Horovod, or through shared memory on each host
and by Horovod between hosts."""
ORDER_OF_RANKS, RING, RING_OF_BUCKETS = "rank_order", "ring", "ring_of_buckets"
"""In which order floating-point numbers are added up over ranks: from rank 0 on, or along Horovod's ring, which begins
with another rank for each part of a vector, be it all tensors end to end or those of a bucket; `order_of_hosts` names
more. Two ranks have the same sums in any."""
ORDER_MATTERS_FROM = 3
"""Ranks."""


def order_of_hosts(hosts: Sequence[str]) -> str:
    """The order of adding on each host first, then over hosts: `hosts_3_1` for three ranks on one and one on another.

    From three hosts on, buckets matter as well: `hosts_2_2_2_of_buckets`.

    Args:
        hosts: the host of every rank.
    """
    counts = [str(hosts.count(host)) for host in dict.fromkeys(hosts)]
    return "_".join(["hosts", *counts]) + ("_of_buckets" if len(counts) >= ORDER_MATTERS_FROM else "")


class World(Protocol):
    """A rank and its way to talk to the others; every rank makes the same calls in the same order."""

    @property
    def rank(self) -> int:
        """0 to size - 1."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    @property
    def exchange(self) -> ExchangeWay:
        """By which way tensors are exchanged."""

    @property
    def summation(self) -> str:
        """In which order `sum` adds: one of those above, or what `order_of_hosts` names."""

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """The sums over all ranks, tensor by tensor; may be called within `tf.function`.

        Numbers of 16 bits are added in float32 and rounded once in the order of ranks, and once more over hosts; on
        Horovod's ring, bfloat16 is rounded once, and float16 after each addition.
        """

    def gather(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """Tensor by tensor, those of all ranks along the first axis, by rank; may be called within `tf.function`."""

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Give every rank the values of rank 0."""


@dataclass(frozen=True)
class SingleWorld:
    """A world of one."""

    rank: int = 0
    size: int = SINGLE_SIZE
    exchange: ExchangeWay = "none"
    summation: str = ORDER_OF_RANKS

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """The tensors themselves."""
        return list(tensors)

    def gather(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """The tensors themselves."""
        return list(tensors)

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Nothing to do."""
