"""Ranks become a world: by memory that the ranks of a host share, and by Horovod between hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pipeline.exchange.region import Membership
from pipeline.training.agreement import Agreement, Meeting, agree
from pipeline.training.horovod_world import HorovodWorld, horovod_world
from pipeline.training.hosts_world import HostsWorld
from pipeline.training.rendezvous import key_value_server, rank_environment
from pipeline.training.shared_world import shared_memory_world
from pipeline.training.world import RING_OF_BUCKETS, World


@contextmanager
def joined_world(
    meeting: Meeting, *, may_share: bool = True, recorded: Callable[[], str | None] | None = None
) -> Iterator[World]:
    """The world of several ranks, joined and left.

    Args:
        meeting: the ranks.
        may_share: whether memory may be shared.
        recorded: returns the checkpoint's order of summation, if it matters; called on rank 0 only.
    """
    agreement, membership = agree(meeting, may_share=may_share, recorded=recorded)
    if membership is None:
        with _joined_horovod(meeting, agreement, meeting.hosts, meeting.rank, agreement.summation) as horovod:
            yield horovod
    elif agreement.exchange == "shared_memory":
        with shared_memory_world(membership, meeting.rank, meeting.size) as shared:
            yield shared
    else:
        with _joined_hosts(meeting, agreement, membership) as hosts:
            yield hosts


@contextmanager
def _joined_hosts(meeting: Meeting, agreement: Agreement, membership: Membership) -> Iterator[World]:
    neighbours, leaders = meeting.neighbours, meeting.leaders
    with shared_memory_world(membership, neighbours.index(meeting.rank), len(neighbours)) as host:
        if meeting.rank not in leaders:
            yield HostsWorld(meeting.rank, meeting.size, host, None, agreement.summation)
            return
        names = [meeting.hosts[rank] for rank in leaders]
        with _joined_horovod(meeting, agreement, names, leaders.index(meeting.rank)) as horovod:
            yield HostsWorld(meeting.rank, meeting.size, host, horovod, agreement.summation)


@contextmanager
def _joined_horovod(
    meeting: Meeting, agreement: Agreement, hosts: Sequence[str], rank: int, summation: str = RING_OF_BUCKETS
) -> Iterator[HorovodWorld]:
    """The world of the ranks on `hosts`, which may be some of all."""
    with ExitStack() as joined:
        with key_value_server(meeting.folder.child("rendezvous")) as server:
            environment = rank_environment(hosts, rank, server, meeting.time_limit, agreement.secret)
            world = joined.enter_context(horovod_world(environment, summation))
        yield world
