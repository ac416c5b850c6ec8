"""The only door to Horovod, by which ranks of several hosts exchange tensors.

`horovod.tensorflow.keras` and its callbacks assume Keras 2; the core, used here, does not. Collectives are named,
so that ranks which fell out of step are told apart by Horovod instead of adding up each other's tensors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.training.buckets import by_buckets
from pipeline.training.vectors import end_to_end
from pipeline.training.world import ORDER_OF_RANKS, RING, RING_OF_BUCKETS, ExchangeWay

CYCLE_TIME_MS = "0.1"
"""Small models are bound by Horovod's cycle: one 30 KB allreduce takes 1.55 ms at the default of 1, 0.75 at 0.1."""
NO_FUSION = "0"
"""Horovod would put buckets that are ready at once end to end, and then adds in an order that depends on time."""


@dataclass(frozen=True)
class HorovodWorld:
    """A rank of a Horovod world that is initialised.

    Attributes:
        rank: this one.
        size: of the world.
        summation: `ORDER_OF_RANKS` costs the traffic of a gathering, and gives the bits of ranks that share memory;
            `RING` gives those of earlier versions, which summed all tensors end to end.
        exchange: see `World`.
    """

    rank: int
    size: int
    summation: str = RING_OF_BUCKETS
    exchange: ExchangeWay = "horovod"

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """An allreduce for each bucket and type of number, of its tensors end to end: ranks agree upon few names."""
        if self.summation == RING:
            return self.sum_bucket(tensors, name)
        return by_buckets(
            tensors,
            lambda buckets: [self.sum_bucket(bucket, f"{name}_{number}") for number, bucket in enumerate(buckets)],
        )

    def gather(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """One fused allgather for each type of number."""
        from horovod.tensorflow.mpi_ops import grouped_allgather

        return _by_type(tensors, lambda alike, kind: grouped_allgather(alike, name=f"{name}_{kind}"))

    def broadcast(self, variables: Sequence[Any]) -> None:
        """From rank 0, one by one: Horovod's own way for many keeps a function for each network that ever was."""
        import horovod.tensorflow as hvd

        # Names by number, since ranks match collectives by name: all must have made the same variables in one order.
        for number, variable in enumerate(variables):
            variable.assign(hvd.broadcast(variable, root_rank=0, name=f"variable_{number}"))

    def sum_bucket(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """One allreduce for each type of number, of all tensors end to end."""
        return _by_type(
            tensors, lambda alike, kind: end_to_end(alike, lambda numbers: self._sum(numbers, f"{name}_{kind}"))
        )

    def _sum(self, numbers: Any, name: str) -> Any:
        """Of a vector."""
        import horovod.tensorflow as hvd

        if self.summation == ORDER_OF_RANKS:
            return self._sum_by_rank(numbers, name)
        if numbers.dtype.name == "bfloat16":
            return self._sum_in_parts(numbers, name)
        return hvd.allreduce(numbers, name=name, op=hvd.Sum)

    def _sum_by_rank(self, numbers: Any, name: str) -> Any:
        import tensorflow as tf

        (bits,) = self.gather([_to_bits(numbers)[None]], name)
        total, *others = (_widened(_from_bits(bits[rank], numbers.dtype)) for rank in range(self.size))
        for other in others:
            total = total + other
        return tf.cast(total, numbers.dtype)

    def _sum_in_parts(self, numbers: Any, name: str) -> Any:
        """As an allreduce does it, since Horovod adds no bfloat16: each rank adds up one part, and all get it."""
        import horovod.tensorflow as hvd
        import tensorflow as tf

        padded = tf.pad(numbers, [[0, -tf.size(numbers) % self.size]])
        mine = _from_bits(hvd.alltoall(_to_bits(padded), name=f"{name}_parts"), numbers.dtype)
        part = tf.reduce_sum(tf.reshape(_widened(mine), [self.size, -1]), 0)
        (bits,) = self.gather([_to_bits(tf.cast(part, numbers.dtype))], name)
        return _from_bits(bits, numbers.dtype)[: tf.size(numbers)]


def _to_bits(numbers: Any) -> Any:
    """Numbers of a type that Horovod does not know, as ones of a type that it does."""
    import tensorflow as tf

    return tf.bitcast(numbers, tf.int16) if numbers.dtype == tf.bfloat16 else numbers


def _from_bits(bits: Any, kind: Any) -> Any:
    import tensorflow as tf

    return tf.bitcast(bits, kind) if kind == tf.bfloat16 else bits


def _widened(numbers: Any) -> Any:
    import tensorflow as tf

    return tf.cast(numbers, tf.float32) if numbers.dtype in (tf.float16, tf.bfloat16) else numbers


def _by_type(tensors: Sequence[Any], collective: Callable[[list[Any], str], Sequence[Any]]) -> list[Any]:
    """What a collective makes of tensors, which it takes of one type at a time."""
    done: dict[int, Any] = {}
    for kind in dict.fromkeys(tensor.dtype.name for tensor in tensors):
        indices = [index for index, tensor in enumerate(tensors) if tensor.dtype.name == kind]
        done |= zip(indices, collective([tensors[index] for index in indices], kind), strict=True)
    return [done[index] for index in range(len(tensors))]


@contextmanager
def horovod_world(environment: Mapping[str, str], summation: str = RING_OF_BUCKETS) -> Iterator[HorovodWorld]:
    """Join the world that `environment` (`HOROVOD_RANK` and so on) describes, and leave it at the end."""
    import horovod.tensorflow as hvd

    os.environ.update(environment)
    os.environ.setdefault("HOROVOD_CYCLE_TIME", CYCLE_TIME_MS)
    os.environ["HOROVOD_FUSION_THRESHOLD"] = NO_FUSION
    hvd.init()
    try:
        yield HorovodWorld(hvd.rank(), hvd.size(), summation)
    finally:
        # Also after an error: that this rank leaves ends the collectives in which the others wait for it, with an error
        # of theirs. Why it left must be on record by then; see `failures_recorded`.
        hvd.shutdown()
        for name in environment:
            os.environ.pop(name, None)
