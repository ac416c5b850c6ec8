"""Ranks of several hosts: those of one host share memory, and the first rank of each exchanges for all by Horovod.

So the network carries each host's sums once, whatever the number of its ranks, and Horovod's threads run in one process
a host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.training.buckets import by_buckets
from pipeline.training.horovod_world import HorovodWorld
from pipeline.training.shared_world import SharedMemoryWorld
from pipeline.training.world import ExchangeWay


@dataclass(frozen=True, eq=False)  # by identity, as the world within
class HostsWorld:
    """A rank that has joined.

    Attributes:
        rank: this one, among all.
        size: number of all ranks.
        host: the ranks of this host.
        leaders: the first ranks of all hosts; None on others.
        summation: see `World`.
        exchange: likewise.
    """

    rank: int
    size: int
    host: SharedMemoryWorld
    leaders: HorovodWorld | None
    summation: str
    exchange: ExchangeWay = "hosts"

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """On each host, then over the hosts, and back, bucket by bucket."""
        return by_buckets(tensors, lambda buckets: self._sum_buckets(buckets, name))

    def _sum_buckets(self, buckets: Sequence[Sequence[Any]], name: str) -> list[list[Any]]:
        # All sums come before the first spread, which waits for the network: exchanges of a host keep their order.
        totals = [self.host.sum(bucket, f"{name}_{number}") for number, bucket in enumerate(buckets)]
        if self.leaders is not None:
            totals = [self.leaders.sum_bucket(bucket, f"{name}_{number}") for number, bucket in enumerate(totals)]
        return [self.host.spread(bucket, f"{name}_{number}") for number, bucket in enumerate(totals)]

    def gather(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """Likewise; others do not know how many rows come back, so these are gathered from the first rank alone."""
        mine = self.host.gather(tensors, name)
        whole = [tensor[:0] for tensor in mine] if self.leaders is None else self.leaders.gather(mine, name)
        return self.host.gather(whole, f"{name}_of_all_hosts")

    def broadcast(self, variables: Sequence[Any]) -> None:
        """To the first rank of each host, and from there to the others."""
        if self.leaders is not None:
            self.leaders.broadcast(variables)
        self.host.broadcast(variables)
