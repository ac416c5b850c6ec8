"""The only door to Horovod.

`horovod.tensorflow.keras` and its callbacks assume Keras 2; the core, used here, does not. Collectives are named,
so that ranks which fell out of step are told apart by Horovod instead of adding up each other's tensors.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

CYCLE_TIME_MS = "0.1"
"""Small models are bound by Horovod's cycle: one 30 KB allreduce takes 1.55 ms at the default of 1, 0.75 at 0.1."""


@dataclass(frozen=True)
class HorovodWorld:
    """A rank of a Horovod world that is initialised."""

    rank: int
    size: int

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """One fused allreduce."""
        import horovod.tensorflow as hvd

        if not tensors:
            return []
        return list(hvd.grouped_allreduce(list(tensors), name=name, op=hvd.Sum))

    def broadcast(self, variables: Sequence[Any]) -> None:
        """From rank 0."""
        import horovod.tensorflow as hvd

        hvd.broadcast_variables(list(variables), root_rank=0)


@contextmanager
def horovod_world(environment: Mapping[str, str]) -> Iterator[HorovodWorld]:
    """Join the world that `environment` (`HOROVOD_RANK` and so on) describes, and leave it at the end."""
    import horovod.tensorflow as hvd

    os.environ.update(environment)
    os.environ.setdefault("HOROVOD_CYCLE_TIME", CYCLE_TIME_MS)
    hvd.init()
    try:
        yield HorovodWorld(hvd.rank(), hvd.size())
    finally:
        hvd.shutdown()
        for name in environment:
            os.environ.pop(name, None)


class Rendezvous:
    """The key-value server at which the ranks of one world find each other; rank 0's task runs it."""

    def __init__(self, hosts: Sequence[str]) -> None:
        """`hosts[r]` is the host of rank r; ranks of one host stand together."""
        from horovod.runner.common.util.hosts import get_host_assignments, parse_hosts
        from horovod.runner.http.http_server import RendezvousServer

        slots = ",".join(f"{host}:{hosts.count(host)}" for host in dict.fromkeys(hosts))
        self._server = RendezvousServer(0)
        self.port = int(self._server.start())
        self._server.init(get_host_assignments(parse_hosts(slots), len(hosts)))

    def close(self) -> None:
        """Stop listening."""
        self._server.stop()


def rank_environment(hosts: Sequence[str], rank: int, address: str, port: int) -> dict[str, str]:
    """Horovod's variables for one rank.

    Args:
        hosts: the host of every rank; ranks of one host stand together.
        rank: this one.
        address: of the rendezvous server.
        port: of the rendezvous server.
    """
    host = hosts[rank]
    names = list(dict.fromkeys(hosts))
    local = {name: [r for r, h in enumerate(hosts) if h == name] for name in names}
    local_rank = local[host].index(rank)
    peers = [name for name in names if len(local[name]) > local_rank]
    return {
        "HOROVOD_RANK": str(rank),
        "HOROVOD_SIZE": str(len(hosts)),
        "HOROVOD_LOCAL_RANK": str(local_rank),
        "HOROVOD_LOCAL_SIZE": str(len(local[host])),
        "HOROVOD_CROSS_RANK": str(peers.index(host)),
        "HOROVOD_CROSS_SIZE": str(len(peers)),
        "HOROVOD_HOSTNAME": host,
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": address,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(port),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
    }
