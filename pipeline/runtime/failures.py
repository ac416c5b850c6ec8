"""Why ranks failed: each failing rank writes a record into the launch's folder, and the driver raises the first cause.

A killed rank writes none. It is identified by that: the others record that their collectives were broken off.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pipeline import errors
from pipeline.errors import PipelineError, PlatformError, TrainError, full_disk_error
from pipeline.exchange.failure import CONSEQUENCE
from pipeline.runtime.activity import JOINS
from pipeline.runtime.heartbeats import Heartbeat, read_heartbeats
from pipeline.runtime.spark_errors import explain_spark_error, meaningful_line
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.documents import read_documents
from pipeline.store.filesystem import StoragePath

FAILURES = "failures"
PROCESS_DIED = re.compile(r"Python worker exited unexpectedly|Connection reset|EOFException|ExecutorLostFailure")
BARRIER_TASK = re.compile(r"barrier task (?:ResultTask|ShuffleMapTask)\(\d+, (\d+)\)")
BROKEN_OFF = re.compile(rf"horovod|{CONSEQUENCE}", re.I)
OUT_OF_MEMORY = re.compile(r"MemoryError|ResourceExhausted|OOM when allocating|bad_alloc|Cannot allocate memory", re.I)
MEMORY_HINT = (
    "Give the workers more memory, put fewer of them on a host, or lower train.batch_size or train.feed_memory."
)
STRANGER_HINT = (
    "It was connecting to the other ranks: if they are on other hosts, a connection from outside the job to its port, "
    "such as a port scanner's, may have ended it instead. Keep their network private, or select another one by "
    "HOROVOD_GLOO_IFACE; Horovod as scripts/setup compiles it refuses such connections."
)
SETTLE_SECONDS = 2.0
"""The surviving ranks write their records within moments of a rank's death."""


TRACED = "in user code:"
"""How AutoGraph begins the message of an error in a function that it traced: frames follow, then the error itself."""
TRACED_FRAME = re.compile(r'File "([^"]+)", line (\d+), in \S+  \*$', re.M)


class RankLost(TrainError):
    """A rank's process died or stalled without an error of its own; a relaunch may succeed."""


class FailureRecord(Document):
    """The failure of a rank.

    Attributes:
        rank: the rank.
        kind: the class of the error.
        message: the error's message.
        details: the traceback.
        consequence: whether another rank's failure caused this one, which breaks off the collectives of all ranks.
    """

    rank: int
    kind: str
    message: str
    details: str
    consequence: bool


@contextmanager
def failures_recorded(launch: StoragePath, rank: int) -> Iterator[None]:
    """Record an error that passes through.

    Must be inside of whatever makes the failure known to other ranks, such as leaving the world: as soon as they know,
    Spark may end this process.
    """
    try:
        yield
    except Exception as error:
        record = FailureRecord(
            rank=rank,
            kind=type(error).__name__,
            message=message_of(error),
            details="".join(traceback.format_exception(error)),
            # The end of a rank breaks off the collectives of all; an error of ours is a cause.
            consequence=not isinstance(error, PipelineError)
            and bool(BROKEN_OFF.search(f"{type(error).__name__} {error}")),
        )
        file = launch.child(FAILURES, f"{rank:06d}.json")
        with suppress(OSError):  # the disk may be full, and be the cause: then Spark's error has it
            if not files.exists(file):  # the innermost record has the most detail
                files.write_atomically(file, record.to_json().encode())
        raise


def message_of(error: BaseException) -> str:
    """The message of an error; of one in a function that TensorFlow traced, without its frames but for the last place.

    Errors of ours name the cause themselves, and so no place.
    """
    head, traced, rest = str(error).partition(TRACED)
    if not traced or head.strip():
        return str(error)
    message = " ".join(line.strip() for line in rest.rstrip().rpartition("\n\n")[2].splitlines() if line.strip())
    message = message.removeprefix(f"{type(error).__name__}: ")
    places = [] if isinstance(error, PipelineError) else TRACED_FRAME.findall(rest)
    return f"{message.rstrip('.')} ({places[-1][0]}, line {places[-1][1]})" if places else message


def first_cause(launch: StoragePath, error: BaseException, workers: int) -> PipelineError:
    """The error that made the ranks fail: one of ours as it was raised, anything else as a `TrainError`.

    Args:
        launch: the launch's folder.
        error: Spark's error, for ranks that left no record.
        workers: the number of ranks.
    """
    ours = _cause_in(_records(launch))
    if ours is not None:
        return ours
    explained = explain_spark_error(error)
    if isinstance(explained, PlatformError):
        return explained
    lost = _lost_rank(launch, error, workers)
    return _cause_in(_records(launch)) or lost or _unrecorded(launch, error)


def _cause_in(records: list[FailureRecord]) -> PipelineError | None:
    """The error of a rank that was not the consequence of another rank's failure."""
    causes = [record for record in records if not record.consequence]
    if not causes:
        return None
    first = min(causes, key=lambda record: (_error_class(record) is None, record.rank))
    error_class = _error_class(first)
    if error_class is not None:
        return error_class(first.message)
    return _foreign(first)


def _foreign(record: FailureRecord) -> PipelineError:
    if record.kind == OSError.__name__ and (full := full_disk_error(record.message)):
        return full
    message = f"Rank {record.rank} failed: {record.kind}: {record.message}"
    if OUT_OF_MEMORY.search(f"{record.kind} {record.message}"):
        message = f"Rank {record.rank} ran out of memory: {record.kind}: {record.message.rstrip('.')}. {MEMORY_HINT}"
    failure = TrainError(message)
    failure.add_note(record.details)
    return failure


def _lost_rank(launch: StoragePath, error: BaseException, workers: int) -> RankLost | None:
    """The rank that died without a record, if one did: Spark names its task, or all others left records."""
    if not PROCESS_DIED.search(str(error)) and not _records(launch):
        return None
    heartbeats, end = read_heartbeats(launch), time.monotonic() + SETTLE_SECONDS
    while len(silent := _silent_ranks(launch, workers)) > 1 and time.monotonic() < end:
        time.sleep(0.1)
    partition = BARRIER_TASK.search(str(error))
    named = [b for b in heartbeats.values() if partition and b.partition == int(partition[1]) and b.rank in silent]
    candidates = named or [heartbeats[rank] for rank in silent if rank in heartbeats]
    if len(candidates) == 1:
        return RankLost(_death_of(candidates[0]))
    if silent:
        return RankLost(f"A training process died without an error: it was killed, or ran out of memory. {MEMORY_HINT}")
    return None


def _silent_ranks(launch: StoragePath, workers: int) -> list[int]:
    recorded = {record.rank for record in _records(launch)}
    return [rank for rank in range(workers) if rank not in recorded]


def _death_of(heartbeat: Heartbeat) -> str:
    held = f"{heartbeat.memory / (1 << 30):.1f} GB"
    death = (
        f"Rank {heartbeat.rank} on {heartbeat.host} (process {heartbeat.pid}) died without an error: it was killed, or "
        f"ran out of memory (it held {held}). {MEMORY_HINT}"
    )
    return f"{death} {STRANGER_HINT}" if heartbeat.activity == JOINS else death


def _records(launch: StoragePath) -> list[FailureRecord]:
    return read_documents(launch.child(FAILURES), FailureRecord)


def _error_class(record: FailureRecord) -> type[PipelineError] | None:
    error = getattr(errors, record.kind, None)
    return error if isinstance(error, type) and issubclass(error, PipelineError) else None


def _unrecorded(launch: StoragePath, error: BaseException) -> PipelineError:
    """The error where no rank recorded a cause: the ranks could not start, or their network failed."""
    consequences = _records(launch)
    if consequences:
        return RankLost(f"The ranks lost contact with each other: {consequences[0].message}")
    return TrainError(f"The ranks could not run: {meaningful_line(str(error))}")
