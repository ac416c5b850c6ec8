"""How the ranks of a launch agree on their exchange before the first one: short files in the launch's folder.

    offer-2      the first rank of each host: the memory that it has made, or none
    answer-3     each other rank of the host: whether it could join, or why not
    host-2       the first rank of each host but rank 0: whether all of its host have joined, or why not
    agreement    rank 0: what all do

Where one rank cannot share memory, all exchange by Horovod.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import TypeVar

from pydantic import Field

from pipeline.errors import ConfigError
from pipeline.exchange.failure import CONSEQUENCE, ExchangeUnavailableError
from pipeline.exchange.region import Membership, Region, create_region, open_region
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.private import write_private
from pipeline.training.world import ORDER_OF_RANKS, RING, RING_OF_BUCKETS, ExchangeWay, order_of_hosts

LOOK_SECONDS = 0.01
RINGS = (RING, RING_OF_BUCKETS)

logger = logging.getLogger(__name__)

DocumentType = TypeVar("DocumentType", bound=Document)
Joined = tuple[Membership | None, str | None]
"""A rank's membership in the memory of its host, or why it has none."""


class Offer(Document):
    """The offer of the first rank of a host.

    Attributes:
        region: the memory to share; None if it cannot or must not be shared.
    """

    region: Region | None = None


class Answer(Document):
    """The answer to an offer.

    Attributes:
        refusal: why memory cannot be shared; None if it is.
    """

    refusal: str | None = None


class Agreement(Document):
    """The decision that all ranks follow.

    Attributes:
        exchange: how tensors are exchanged.
        summation: the order of summation, see `World`.
        reason: why memory is not shared, as part of a sentence; None if it is.
        secret: by which ranks that connect over the network know each other.
    """

    exchange: ExchangeWay
    summation: str
    reason: str | None = None
    secret: str = Field(default_factory=partial(token_hex, 16))


@dataclass(frozen=True)
class Meeting:
    """The ranks of a launch, as one of them sees them.

    Attributes:
        folder: the folder that all ranks of this launch share, and no other launch uses.
        hosts: the host of every rank; ranks of one host stand together.
        rank: this one.
        time_limit: seconds for which a rank waits for another, here and in each exchange.
    """

    folder: StoragePath
    hosts: Sequence[str]
    rank: int
    time_limit: float

    @property
    def size(self) -> int:
        """Number of ranks."""
        return len(self.hosts)

    @property
    def neighbours(self) -> list[int]:
        """The ranks on the same host, including this one."""
        return [rank for rank, host in enumerate(self.hosts) if host == self.hosts[self.rank]]

    @property
    def leaders(self) -> list[int]:
        """The first rank of each host."""
        return [self.hosts.index(host) for host in dict.fromkeys(self.hosts)]


def agree(
    meeting: Meeting, *, may_share: bool, recorded: Callable[[], str | None] | None
) -> tuple[Agreement, Membership | None]:
    """Agree on the exchange; every rank calls this.

    Args:
        meeting: the ranks.
        may_share: whether the configuration allows shared memory.
        recorded: returns the order of summation of the checkpoint that the run resumes from, if the order matters;
            called on rank 0 only.

    Returns:
        The decision, and if memory is shared, this rank's membership, which the caller must leave at the end.
    """
    summation = recorded() if recorded is not None and meeting.rank == 0 else None
    against = _reason_against(meeting, may_share, summation)
    with ExitStack() as undo:
        membership, refusal = _offer(meeting, against) if meeting.rank in meeting.leaders else _answer(meeting)
        if membership is not None:
            undo.callback(membership.leave)
        agreement = _decide(meeting, refusal, summation, against) if meeting.rank == 0 else _follow(meeting, refusal)
        if agreement.exchange == "horovod":
            return agreement, None
        undo.pop_all()
    return agreement, membership


def _reason_against(meeting: Meeting, may_share: bool, recorded: str | None) -> str | None:
    """Why memory must not be shared, even if it could be."""
    if not may_share:
        return "train.exchange is horovod"
    if len(meeting.leaders) == meeting.size:
        return "each rank is alone on its host"
    several = len(meeting.leaders) > 1
    if recorded in RINGS or (recorded == ORDER_OF_RANKS and several):
        return "the checkpoint was taken with another order of summation"
    return None


def _offer(meeting: Meeting, reason: str | None) -> Joined:
    """The first rank of a host brings its ranks together."""
    region, membership = None, None
    if reason is None:
        try:
            region, membership = create_region(len(meeting.neighbours), meeting.time_limit)
        except ExchangeUnavailableError as error:
            reason = f"on rank {meeting.rank}, {error}"
    _write(meeting, f"offer-{meeting.rank}", Offer(region=region))
    if membership is None:
        return None, reason
    with ExitStack() as undo:
        undo.callback(membership.leave)
        try:
            _require_all(meeting, membership)
        except ExchangeUnavailableError as error:
            return None, str(error)
        undo.pop_all()
    return membership, None


def _require_all(meeting: Meeting, membership: Membership) -> None:
    others = meeting.neighbours[1:]
    for rank, answer in [(rank, _read(meeting, f"answer-{rank}", Answer)) for rank in others]:
        if answer.refusal is not None:
            raise ExchangeUnavailableError(f"on rank {rank}, {answer.refusal}")
    membership.require_in_sight(range(1, len(meeting.neighbours)))


def _answer(meeting: Meeting) -> Joined:
    """Another rank of a host joins, where there is an offer."""
    first, *_ = neighbours = meeting.neighbours
    region = _read(meeting, f"offer-{first}", Offer).region
    if region is None:
        return None, None
    membership, refusal = None, None
    try:
        membership = open_region(region, neighbours.index(meeting.rank), len(neighbours), meeting.time_limit)
    except ExchangeUnavailableError as error:
        refusal = str(error)
    _write(meeting, f"answer-{meeting.rank}", Answer(refusal=refusal))
    return membership, refusal


def _decide(meeting: Meeting, refusal: str | None, recorded: str | None, against: str | None) -> Agreement:
    """Rank 0's decision from the answers of all hosts; a fallback that was not configured is logged."""
    others = meeting.leaders[1:]
    if against is None:
        answers = [_read(meeting, f"host-{rank}", Answer) for rank in others]
        refusal = next((reason for reason in (refusal, *(answer.refusal for answer in answers)) if reason), None)
    if refusal is not None:
        _require_reproducible(recorded, refusal)
        agreement = Agreement(exchange="horovod", summation=recorded or RING_OF_BUCKETS, reason=refusal)
    elif others:
        agreement = Agreement(exchange="hosts", summation=order_of_hosts(meeting.hosts))
    else:
        agreement = Agreement(exchange="shared_memory", summation=ORDER_OF_RANKS)
    if refusal != against:
        logger.warning("The ranks exchange tensors by Horovod, slower than through shared memory: %s.", refusal)
    _write(meeting, "agreement", agreement)
    return agreement


def _require_reproducible(recorded: str | None, refusal: str) -> None:
    if recorded not in (None, ORDER_OF_RANKS, *RINGS):
        raise ConfigError(
            f"The checkpoint was taken by ranks that summed host by host ({recorded}), which needs shared memory, and "
            f"it is not available: {refusal}. Fix this, or set train.checkpoint.resume: never to start over."
        )


def _follow(meeting: Meeting, refusal: str | None) -> Agreement:
    if meeting.rank in meeting.leaders:
        _write(meeting, f"host-{meeting.rank}", Answer(refusal=refusal))
    return _read(meeting, "agreement", Agreement)


def _file(meeting: Meeting, name: str) -> StoragePath:
    return meeting.folder.child("exchange", f"{name}.json")


def _write(meeting: Meeting, name: str, document: Document) -> None:
    write_private(_file(meeting, name), document.to_json().encode())


def _read(meeting: Meeting, name: str, kind: type[DocumentType]) -> DocumentType:
    """A document of another rank, once it is there."""
    file, end = _file(meeting, name), time.monotonic() + meeting.time_limit
    while time.monotonic() < end:
        with suppress(FileNotFoundError):
            return kind.from_json(files.read_bytes(file), str(file))
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"The exchange {CONSEQUENCE}: no rank wrote {file} within {meeting.time_limit:g} s.")
