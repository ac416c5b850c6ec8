"""Why ranks failed: each leaves a record in the launch's folder, and the driver tells the first cause, once.

A rank that is killed leaves none. It is known by its silence: the others record what its end did to them.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline import errors
from pipeline.errors import PipelineError, PlatformError, TrainError
from pipeline.runtime.heartbeats import Heartbeat, read_heartbeats
from pipeline.runtime.spark_errors import explain_spark_error, meaningful_line
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.documents import read_documents
from pipeline.store.filesystem import StoragePath

FAILURES = "failures"
PROCESS_DIED = re.compile(r"Python worker exited unexpectedly|Connection reset|EOFException|ExecutorLostFailure")
BARRIER_TASK = re.compile(r"barrier task (?:ResultTask|ShuffleMapTask)\(\d+, (\d+)\)")
OUT_OF_MEMORY = re.compile(r"MemoryError|ResourceExhausted|OOM when allocating|bad_alloc|Cannot allocate memory", re.I)
MEMORY_HINT = (
    "Give the workers more memory, put fewer of them on a host, or lower train.batch_size or train.feed_memory."
)
SETTLE_SECONDS = 2.0
"""Survivors write what happened to them within moments of a rank's death."""


class RankLost(TrainError):
    """A process of a training ended, or stands still, without an error of its own; another launch may do better."""


class FailureRecord(Document):
    """Why a rank gave up.

    Attributes:
        rank: which one.
        kind: class of the error.
        message: for people.
        details: the traceback.
        consequence: whether another rank's failure caused this one: Horovod breaks off the collectives of all.
    """

    rank: int
    kind: str
    message: str
    details: str
    consequence: bool


@contextmanager
def failures_recorded(launch: StoragePath, rank: int) -> Iterator[None]:
    """Record an error that passes through.

    Must lie within whatever tells other ranks of the failure: as soon as they know, Spark may end this process.
    """
    try:
        yield
    except Exception as error:
        record = FailureRecord(
            rank=rank,
            kind=type(error).__name__,
            message=str(error),
            details="".join(traceback.format_exception(error)),
            consequence=_is_consequence(error),
        )
        file = _record_file(launch, rank)
        if not files.exists(file):  # the innermost one knows most
            files.write_atomically(file, record.to_json().encode())
        raise


def first_cause(launch: StoragePath, error: BaseException, workers: int) -> PipelineError:
    """The error that made the ranks fail: one of ours as it was raised, anything else as a `TrainError`.

    Args:
        launch: its folder.
        error: what Spark says of it, for ranks that left no record.
        workers: number of ranks.
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
    """What a rank raised that no other rank caused."""
    causes = [record for record in records if not record.consequence]
    if not causes:
        return None
    first = min(causes, key=lambda record: (_error_class(record) is None, record.rank))
    error_class = _error_class(first)
    if error_class is not None:
        return error_class(first.message)
    return _foreign(first)


def _foreign(record: FailureRecord) -> TrainError:
    message = f"Rank {record.rank} failed: {record.kind}: {record.message}"
    if OUT_OF_MEMORY.search(f"{record.kind} {record.message}"):
        message = f"Rank {record.rank} ran out of memory: {record.kind}: {record.message.rstrip('.')}. {MEMORY_HINT}"
    failure = TrainError(message)
    failure.add_note(record.details)
    return failure


def _lost_rank(launch: StoragePath, error: BaseException, workers: int) -> RankLost | None:
    """The rank that ended without a record, where one did: Spark names its task, or all others left records."""
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
    return (
        f"Rank {heartbeat.rank} on {heartbeat.host} (process {heartbeat.pid}) died without an error: it was killed, or "
        f"ran out of memory (it held {held}). {MEMORY_HINT}"
    )


def _is_consequence(error: Exception) -> bool:
    return not isinstance(error, PipelineError) and "horovod" in f"{type(error).__name__} {error}".lower()


def _record_file(launch: StoragePath, rank: int) -> StoragePath:
    return launch.child(FAILURES, f"{rank:06d}.json")


def _records(launch: StoragePath) -> list[FailureRecord]:
    return read_documents(launch.child(FAILURES), FailureRecord)


def _error_class(record: FailureRecord) -> type[PipelineError] | None:
    error = getattr(errors, record.kind, None)
    return error if isinstance(error, type) and issubclass(error, PipelineError) else None


def _unrecorded(launch: StoragePath, error: BaseException) -> PipelineError:
    """The ranks could not even start, or their network broke."""
    consequences = _records(launch)
    if consequences:
        return RankLost(f"The ranks lost contact with each other: {consequences[0].message}")
    return TrainError(f"The ranks could not run: {meaningful_line(str(error))}")
