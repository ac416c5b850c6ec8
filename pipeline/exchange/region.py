"""Memory shared by the ranks of a host: an anonymous file, which the first of them creates and the others open.

Linux shows the open files of a process under /proc to processes of the same user. So nothing is left behind, however
the ranks end, and other users cannot open it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.exchange.failure import ExchangeUnavailableError
from pipeline.exchange.library import load_library
from pipeline.schemas.document import Document


class Region(Document):
    """The shared file, as opened by the process that created it.

    Attributes:
        process: the id of that process.
        descriptor: its file descriptor.
        name: the unique name of the file, by which a process of another container with the same id is told apart.
    """

    process: int
    descriptor: int
    name: str


@dataclass(frozen=True)
class Membership:
    """A rank's membership in the group that shares a region, until it leaves.

    Attributes:
        number: the handle that the operations take.
    """

    number: int

    def require_in_sight(self, ranks: Sequence[int]) -> None:
        """Check that the death of each of these ranks would be detected.

        Raises:
            ExchangeUnavailableError: the system keeps no record locks for such files.
        """
        sees = load_library().functions.pipeline_exchange_sees
        if not all(sees(self.number, rank) for rank in ranks):
            raise ExchangeUnavailableError("record locks of other processes cannot be seen")

    def leave(self) -> None:
        """Leave the group. Later operations of this rank fail, and so do ranks that still wait for it."""
        load_library().functions.pipeline_exchange_leave(self.number)


def create_region(ranks: int, time_limit: float) -> tuple[Region, Membership]:
    """Create the shared file and join as rank 0.

    Args:
        ranks: the number of ranks.
        time_limit: seconds for which an operation waits for another rank.

    Raises:
        ExchangeUnavailableError: this process cannot.
    """
    size, name = load_library().functions.pipeline_exchange_bytes(ranks), f"pipeline-{uuid.uuid4().hex}"
    try:
        file = os.memfd_create(name, os.MFD_CLOEXEC)
    except OSError as error:
        raise ExchangeUnavailableError(f"the system makes no file in memory: {error.strerror}") from error
    try:
        # Allocated in advance: a page that is missing later would kill a rank by SIGBUS.
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        os.close(file)
        raise ExchangeUnavailableError(f"{size} bytes of shared memory are not there: {error.strerror}") from error
    return Region(process=os.getpid(), descriptor=file, name=name), _join(file, 0, ranks, time_limit)


def open_region(region: Region, rank: int, ranks: int, time_limit: float) -> Membership:
    """Join as another rank, in another process.

    Raises:
        ExchangeUnavailableError: this process cannot.
    """
    load_library()
    path = f"/proc/{region.process}/fd/{region.descriptor}"
    try:
        if not os.readlink(path).startswith(f"/memfd:{region.name} "):
            raise ExchangeUnavailableError(f"process {region.process} is another one here, as in another container")
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise ExchangeUnavailableError(f"memory of process {region.process}: {error.strerror}") from error
    membership = _join(file, rank, ranks, time_limit)
    try:
        membership.require_in_sight([0])
    except ExchangeUnavailableError:
        membership.leave()
        raise
    return membership


def _join(file: int, rank: int, ranks: int, time_limit: float) -> Membership:
    number = load_library().functions.pipeline_exchange_join(file, rank, ranks, time_limit)
    if number < 0:
        raise ExchangeUnavailableError(f"shared memory cannot be used: {os.strerror(-number)}")
    return Membership(number)
