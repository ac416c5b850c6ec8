"""Runs one function as W ranks: the tasks of a Spark barrier stage, or this process where W is 1.

A barrier stage starts all its tasks together or not at all, in Spark's own Python workers, which it reuses: a
second launch finds TensorFlow imported. When a task dies, Spark ends the stage and with it the other ranks.

A rank's function is named, not sent: the driver need not import TensorFlow to launch a training. It takes the
payload and its `Peers`, and returns text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pipeline.errors import PipelineError, TrainError
from pipeline.runtime.failures import failures_recorded, first_cause
from pipeline.runtime.quiet import import_quietly
from pipeline.store.filesystem import Root, open_root

if TYPE_CHECKING:
    from pyspark import BarrierTaskContext
    from pyspark.sql import SparkSession


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
        return [_run_here(target, payload)]
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


def _function(target: str) -> Callable[[str, Peers], str]:
    module, _, name = target.partition(":")
    return cast(Callable[[str, Peers], str], getattr(import_quietly(module), name))


def _run_here(target: str, payload: str) -> str:
    """An error ends the job as it would from another process."""
    try:
        return _function(target)(payload, ALONE)
    except PipelineError:
        raise
    except Exception as error:
        raise TrainError(f"{target.rpartition(':')[2]} failed: {type(error).__name__}: {error}") from error


def _run_task(target: str, payload: str, scratch_uri: str) -> Iterator[tuple[int, str]]:
    from pyspark import BarrierTaskContext

    context = BarrierTaskContext.get()
    peers = _peers(context)
    with failures_recorded(open_root(scratch_uri), peers.rank):
        yield peers.rank, _function(target)(payload, peers)


def _peers(context: BarrierTaskContext) -> Peers:
    """Ranks by host, then by partition; Spark tells every task the hosts of all, so no message is needed."""
    hosts = [info.address.rpartition(":")[0] or info.address for info in context.getTaskInfos()]
    order = sorted(range(len(hosts)), key=lambda partition: (hosts.index(hosts[partition]), partition))
    rank = order.index(context.partitionId())
    return Peers(rank, tuple(hosts[partition] for partition in order), context.allGather)
