"""How the ranks of one world find each other: the key-value server, and Horovod's variables."""

from __future__ import annotations

from collections.abc import Sequence


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
