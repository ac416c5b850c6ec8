"""The function that a launch runs on every rank: join the world, train, leave it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from pipeline.model.device import configure_devices
from pipeline.runtime.activity import JOINS, report_activity
from pipeline.runtime.cores import reserved_cores
from pipeline.runtime.failures import failures_recorded
from pipeline.runtime.rank_info import RankInfo
from pipeline.store.filesystem import storage_path
from pipeline.training.agreement import Meeting
from pipeline.training.checkpoints.ranks import recorded_summation
from pipeline.training.job import RankJob
from pipeline.training.join import joined_world
from pipeline.training.rank import train_rank
from pipeline.training.world import SingleWorld, World

PATIENCE_SECONDS = 60.0
"""How much longer a rank waits for another one than the driver does, so that the driver reports first and names the
rank."""


def run(payload: str, info: RankInfo) -> str:
    """Train as one rank; JSON in, JSON out."""
    job = RankJob.from_json(payload, "the job of this rank")
    several_hosts = info.local_size < info.size
    share = configure_devices(job.train.threads, info.local_size, info.local_rank, info.gpu, overlaps=several_hosts)
    if info.size == 1:
        return train_rank(job, SingleWorld()).to_json()
    # Whoever sets the number of threads may run other work on this host: then the kernel assigns the cores.
    divided = info.local_size > 1 and job.train.threads is None
    with (
        reserved_cores(share) if divided else nullcontext(),
        join_world(
            info,
            job.train.stall_seconds,
            may_share=job.train.exchange == "auto",
            recorded=lambda: recorded_summation(job, info.hosts),
        ) as world,
        failures_recorded(storage_path(info.launch), info.rank),
    ):
        return train_rank(job, world).to_json()


@contextmanager
def join_world(
    info: RankInfo,
    stall_seconds: float,
    *,
    may_share: bool = True,
    recorded: Callable[[], str | None] | None = None,
) -> Iterator[World]:
    """The world of several ranks, for the length of a block; see `joined_world`."""
    report_activity(JOINS, counts=False)
    meeting = Meeting(storage_path(info.launch), info.hosts, info.rank, stall_seconds + PATIENCE_SECONDS)
    with joined_world(meeting, may_share=may_share, recorded=recorded) as world:
        report_activity("trains", counts=False)
        yield world
