"""Why ranks failed: each leaves a record in the launch's scratch folder, and the driver tells the first cause, once."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline import errors
from pipeline.contract.document import Document
from pipeline.errors import PipelineError, PlatformError, TrainError
from pipeline.runtime.spark_errors import explain_spark_error, meaningful_line
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root

FAILURES = "failures"
PROCESS_DIED = re.compile(r"Python worker exited unexpectedly|Connection reset|EOFException|ExecutorLostFailure")


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
def failures_recorded(scratch: Root, rank: int) -> Iterator[None]:
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
        files.write_atomically(scratch.within(FAILURES, f"{rank:06d}.json"), record.to_json().encode())
        raise


def first_cause(scratch: Root, error: BaseException) -> PipelineError:
    """The error that made the ranks fail: one of ours as it was raised, anything else as a `TrainError`.

    Args:
        scratch: the launch's folder.
        error: what Spark says of it, for ranks that left no record.
    """
    records = _records(scratch)
    if not records:
        return _unrecorded(error)
    first = min(records, key=lambda record: (record.consequence, _own(record) is None, record.rank))
    own = _own(first)
    if own is not None:
        return own(first.message)
    failure = TrainError(f"Rank {first.rank} failed: {first.kind}: {first.message}")
    failure.add_note(first.details)
    return failure


def _is_consequence(error: Exception) -> bool:
    return not isinstance(error, PipelineError) and "horovod" in f"{type(error).__name__} {error}".lower()


def _records(scratch: Root) -> list[FailureRecord]:
    folder = scratch.within(FAILURES)
    names = [name for name in files.list_files(folder) if name.endswith(".json")]
    return [FailureRecord.from_json(files.read_bytes(folder.within(name)), name) for name in names]


def _own(record: FailureRecord) -> type[PipelineError] | None:
    found = getattr(errors, record.kind, None)
    return found if isinstance(found, type) and issubclass(found, PipelineError) else None


def _unrecorded(error: BaseException) -> PipelineError:
    """A rank was killed, or could not even start."""
    if PROCESS_DIED.search(str(error)):
        return TrainError(
            "A training process ended without a word: it was killed, or ran out of memory. "
            "Give the workers more memory, or put fewer of them on a host."
        )
    explained = explain_spark_error(error)
    if isinstance(explained, PlatformError):
        return explained
    return TrainError(f"The ranks could not run: {meaningful_line(str(error))}")
