"""The function that a launch runs on every rank: join the world, train, leave it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.model.device import configure_devices
from pipeline.runtime.failures import failures_recorded
from pipeline.runtime.ranks import Peers
from pipeline.train.horovod_world import horovod_world
from pipeline.train.job import RankJob
from pipeline.train.rank import train_rank
from pipeline.train.rendezvous import Rendezvous, rank_environment
from pipeline.train.world import SingleWorld, World


def run(payload: str, peers: Peers) -> str:
    """Train as one rank; JSON in, JSON out."""
    job = RankJob.from_json(payload, "the job of this rank")
    configure_devices(job.train.threads, peers.local_size, peers.local_rank)
    with join_world(peers) as world, failures_recorded(job.open_scratch(), peers.rank):
        return train_rank(job, world).to_json()


@contextmanager
def join_world(peers: Peers) -> Iterator[World]:
    """The world of `peers`; Horovod is loaded only where there is more than one."""
    if peers.size == 1:
        yield SingleWorld()
        return
    server = Rendezvous(peers.hosts) if peers.rank == 0 else None
    try:
        port = next(text for text in peers.gather(str(server.port) if server else "") if text)
        with horovod_world(rank_environment(peers.hosts, peers.rank, peers.hosts[0], int(port))) as world:
            yield world
            peers.gather("")  # no rank may take the server away while another still leaves
    finally:
        if server is not None:
            server.close()
