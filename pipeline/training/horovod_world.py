"""The only door to Horovod.

`horovod.tensorflow.keras` and its callbacks assume Keras 2; the core, used here, does not. Collectives are named,
so that ranks which fell out of step are told apart by Horovod instead of adding up each other's tensors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.training.vectors import end_to_end

CYCLE_TIME_MS = "0.1"
"""Small models are bound by Horovod's cycle: one 30 KB allreduce takes 1.55 ms at the default of 1, 0.75 at 0.1."""


@dataclass(frozen=True)
class HorovodWorld:
    """A rank of a Horovod world that is initialised."""

    rank: int
    size: int

    def sum(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """One allreduce for each type of number, of all tensors end to end: ranks agree upon one name, not on many."""
        import horovod.tensorflow as hvd

        return _by_type(
            tensors,
            lambda alike, kind: end_to_end(
                alike, lambda numbers: hvd.allreduce(numbers, name=f"{name}_{kind}", op=hvd.Sum)
            ),
        )

    def gather(self, tensors: Sequence[Any], name: str) -> list[Any]:
        """One fused allgather for each type of number."""
        from horovod.tensorflow.mpi_ops import grouped_allgather

        return _by_type(tensors, lambda alike, kind: grouped_allgather(alike, name=f"{name}_{kind}"))

    def swap(self, tensor: Any, name: str) -> Any:
        """One exchange of all with all."""
        import horovod.tensorflow as hvd

        return hvd.alltoall(tensor, name=name)

    def broadcast(self, variables: Sequence[Any]) -> None:
        """From rank 0, one by one: Horovod's own way for many keeps a function for each network that ever was."""
        import horovod.tensorflow as hvd

        # Names by number, since ranks match collectives by name: all must have made the same variables in one order.
        for number, variable in enumerate(variables):
            variable.assign(hvd.broadcast(variable, root_rank=0, name=f"variable_{number}"))


def _by_type(tensors: Sequence[Any], collective: Callable[[list[Any], str], Sequence[Any]]) -> list[Any]:
    """What a collective makes of tensors, which it takes of one type at a time."""
    done: dict[int, Any] = {}
    for kind in dict.fromkeys(tensor.dtype.name for tensor in tensors):
        indices = [index for index, tensor in enumerate(tensors) if tensor.dtype.name == kind]
        done |= zip(indices, collective([tensors[index] for index in indices], kind), strict=True)
    return [done[index] for index in range(len(tensors))]


@contextmanager
def horovod_world(environment: Mapping[str, str]) -> Iterator[HorovodWorld]:
    """Join the world that `environment` (`HOROVOD_RANK` and so on) describes, and leave it at the end."""
    import horovod.tensorflow as hvd

    os.environ.update(environment)
    os.environ.setdefault("HOROVOD_CYCLE_TIME", CYCLE_TIME_MS)
    hvd.init()
    try:
        yield HorovodWorld(hvd.rank(), hvd.size())
    finally:
        # Also after an error: that this rank leaves ends the collectives in which the others wait for it, with an error
        # of theirs. Why it left must be on record by then; see `failures_recorded`.
        hvd.shutdown()
        for name in environment:
            os.environ.pop(name, None)
