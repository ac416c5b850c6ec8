"""The ranks of one launch, as one of them sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark import BarrierTaskContext


@dataclass(frozen=True)
class RankInfo:
    """The ranks of one launch, as one of them sees them.

    Attributes:
        rank: this one.
        hosts: the host of every rank; ranks of one host stand together.
        launch: URI of a folder that all of them share and no other launch uses; empty for a single rank.
        gpu: the GPU of its host that Spark assigned to this rank; None where Spark assigns none.
    """

    rank: int
    hosts: tuple[str, ...]
    launch: str = ""
    gpu: int | None = None

    @property
    def size(self) -> int:
        """Number of ranks."""
        return len(self.hosts)

    @property
    def local_rank(self) -> int:
        """Position among the ranks of this host."""
        return self.hosts[: self.rank].count(self.hosts[self.rank])

    @property
    def local_size(self) -> int:
        """Number of ranks on this host."""
        return self.hosts.count(self.hosts[self.rank])


ALONE = RankInfo(0, ("localhost",))


def rank_info_of(context: BarrierTaskContext, launch: str) -> RankInfo:
    """Number the ranks by host, then by partition; Spark gives every task the hosts of all, so none must be sent."""
    hosts = [info.address.rpartition(":")[0] or info.address for info in context.getTaskInfos()]
    order = sorted(range(len(hosts)), key=lambda partition: (hosts.index(hosts[partition]), partition))
    rank = order.index(context.partitionId())
    return RankInfo(rank, tuple(hosts[partition] for partition in order), launch, _gpu(context))


def _gpu(context: BarrierTaskContext) -> int | None:
    assigned = context.resources().get("gpu")
    addresses = assigned.addresses if assigned is not None else []
    return int(addresses[0]) if addresses and addresses[0].isdecimal() else None
