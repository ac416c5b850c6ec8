"""Ranks of one host that exchange tensors through shared memory; see `pipeline/exchange`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.exchange.library import load_library
from pipeline.exchange.region import Membership
from pipeline.training.world import ORDER_OF_RANKS, ExchangeWay


@dataclass(frozen=True, eq=False)  # by identity: a variable cannot be compared
class SharedMemoryWorld:
    """A rank that has joined.

    Attributes:
        rank: this one.
        size: of the world.
        group: the number of its membership.
        order: a variable that every exchange takes as an input, so that TensorFlow runs exchanges in the order in which
            they were traced, also where one is within a branch; its value is of no use.
        exchange: see `World`.
        summation: likewise.
    """

    rank: int
    size: int
    group: int
    order: Any
    exchange: ExchangeWay = "shared_memory"
    summation: str = ORDER_OF_RANKS

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """One exchange of all tensors, whatever their types."""
        return self._exchange(load_library().operations.pipeline_exchange_sum, tensors, name)

    def gather(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """Likewise, after one of their numbers of rows."""
        return self._exchange(load_library().operations.pipeline_exchange_gather, tensors, name)

    def broadcast(self, variables: Sequence[Any]) -> None:
        """One exchange of all variables."""
        values = self.spread([variable.read_value() for variable in variables], "variables")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def spread(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """The tensors of rank 0, whose shapes are those of every rank."""
        return self._exchange(load_library().operations.pipeline_exchange_broadcast, tensors, name)

    def _exchange(self, operation: Any, tensors: Sequence[Any], name: str) -> list[Any]:
        if not tensors:
            return []
        return list(operation(order=self.order.handle, tensors=list(tensors), group=self.group, tag=name))


@contextmanager
def shared_memory_world(membership: Membership, rank: int, size: int) -> Iterator[SharedMemoryWorld]:
    """The world of a rank that has joined, which leaves it at the end."""
    import tensorflow as tf

    with tf.device("CPU:0"):  # where the operations are
        order = tf.Variable(0, trainable=False, name="order_of_exchanges")
    try:
        yield SharedMemoryWorld(rank, size, membership.number, order)
    finally:
        # Also after an error: the others, who may wait for this rank, then fail at once. Why it left must be on record
        # by then; see `failures_recorded`.
        membership.leave()
