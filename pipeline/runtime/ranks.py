"""Runs one function as W ranks: the tasks of a Spark barrier stage, or this process where W is 1.

A barrier stage starts all its tasks together or not at all, in Spark's own Python workers, which it reuses: a
second launch finds TensorFlow imported. When a task dies, Spark ends the stage and with it the other ranks.

A rank's function is named, not sent: the driver need not import TensorFlow to launch a training. It takes the
payload and its `Peers`, and returns text.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pipeline import errors
from pipeline.contract.document import Document
from pipeline.errors import PipelineError, TrainError
from pipeline.runtime.quiet import import_quietly
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root, open_root

if TYPE_CHECKING:
    from pyspark import BarrierTaskContext
    from pyspark.sql import SparkSession

FAILURES = "failures"


@dataclass(frozen=True)
class Peers:
    """The ranks of one launch, as one of them sees them.

    Attributes:
        rank: this one.
        hosts: the host of every rank; ranks of one host stand together.
        gather: gives every rank the texts of all, in no promised order; each rank must call it.
    """

    rank: int
    hosts: tuple[str, ...]
    gather: Callable[[str], Sequence[str]]

    @property
    def size(self) -> int:
        """Number of ranks."""
        return len(self.hosts)

    @property
    def local_rank(self) -> int:
        """Position among the ranks of this host."""
        return self.hosts[: self.rank].count(self.hosts[self.rank])

    @property
    def local_size(self) -> int:
        """Number of ranks on this host."""
        return self.hosts.count(self.hosts[self.rank])


ALONE = Peers(0, ("localhost",), lambda text: [text])


class FailureRecord(Document):
    """Why a rank gave up; it leaves this in the scratch folder before it fails its task.

    Attributes:
        rank: which one.
        kind: class of the error.
        message: for people.
        details: the traceback.
    """

    rank: int
    kind: str
    message: str
    details: str


def run_ranks(spark: SparkSession, workers: int, target: str, *, payload: str, scratch: Root) -> list[str]:
    """Run `target` on every rank.

    Args:
        spark: the session; its task slots are checked by `check_slots`.
        workers: number of ranks.
        target: `package.module:function`, of (payload, Peers), returning text.
        payload: for every rank.
        scratch: a folder that driver and ranks share.

    Returns:
        What the ranks returned, by rank.

    Raises:
        PipelineError: the first cause of a failure, as its rank raised it.
    """
    if workers == 1:
        return [_function(target)(payload, ALONE)]
    uri = scratch.uri
    spark.sparkContext.setJobDescription(f"{target.rpartition(':')[2]} on {workers} ranks")
    try:
        stage = spark.sparkContext.parallelize(range(workers), workers).barrier()
        answers = stage.mapPartitions(lambda _: _run_task(target, payload, uri)).collect()
    except Exception as error:
        raise first_cause(scratch, error) from error
    finally:
        spark.sparkContext.setJobDescription(None)  # type: ignore[arg-type]
    return [text for _, text in sorted(answers)]


def first_cause(scratch: Root, error: BaseException) -> PipelineError:
    """The error that made the ranks fail: one of ours as it was raised, anything else as a `TrainError`."""
    folder = scratch.within(FAILURES)
    records = [
        FailureRecord.from_json(files.read_bytes(folder.within(name)), name)
        for name in files.list_files(folder)
        if name.endswith(".json")
    ]
    if not records:
        reason = next((line.strip() for line in str(error).splitlines() if "failed" in line.lower()), str(error)[:300])
        return TrainError(
            f"A training process ended without a word; it was killed or ran out of memory. Spark says: {reason}. "
            "Give the workers more memory, or fewer workers to a host."
        )
    # When one rank fails, Horovod breaks off the collectives of the others: those are consequences.
    record = min(records, key=lambda r: (r.kind == "HorovodInternalError", r.rank))
    own = getattr(errors, record.kind, None)
    if isinstance(own, type) and issubclass(own, PipelineError):
        return own(record.message)
    failure = TrainError(f"Rank {record.rank} failed: {record.kind}: {record.message}")
    failure.add_note(record.details)
    return failure


def _function(target: str) -> Callable[[str, Peers], str]:
    module, _, name = target.partition(":")
    return cast(Callable[[str, Peers], str], getattr(import_quietly(module), name))


def _run_task(target: str, payload: str, scratch_uri: str) -> Iterator[tuple[int, str]]:
    from pyspark import BarrierTaskContext

    context = BarrierTaskContext.get()
    peers = _peers(context)
    try:
        yield peers.rank, _function(target)(payload, peers)
    except Exception as error:
        record = FailureRecord(
            rank=peers.rank,
            kind=type(error).__name__,
            message=str(error),
            details="".join(traceback.format_exception(error)),
        )
        place = open_root(scratch_uri).within(FAILURES, f"{peers.rank:06d}.json")
        files.write_atomically(place, record.to_json().encode())
        raise


def _peers(context: BarrierTaskContext) -> Peers:
    """Ranks by host, then by partition; Spark tells every task the hosts of all, so no message is needed."""
    hosts = [info.address.rpartition(":")[0] or info.address for info in context.getTaskInfos()]
    order = sorted(range(len(hosts)), key=lambda partition: (hosts.index(hosts[partition]), partition))
    rank = order.index(context.partitionId())
    return Peers(rank, tuple(hosts[partition] for partition in order), context.allGather)
