"""Variables that a network's forward pass changes in training, such as moving statistics and counters, kept equal on
all ranks.

Each rank updates its own copy from its own rows. After each step the updates of all ranks are combined as Keras's
`aggregation` of the variable says:

    mean                 the mean of the changes, weighed by the ranks' real rows
    sum                  their sum, such as for a counter of rows
    only_first_replica   that of rank 0
    none                 (Keras's default) as `mean` for floating-point numbers, as `only_first_replica` for others

Two ranks with 3 and 1 real rows, and a moving mean of 8 that becomes 9 and 5: 8 + (3 x 1 + 1 x -3) / 4 = 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.training.vectors import array_of
from pipeline.training.world import World

SEED = "seed_generator_state"
"""Keras's name for the variable of a `keras.random.SeedGenerator`."""


@dataclass(frozen=True)
class ForwardState:
    """The variables of a network that its forward pass changes; seeds are not among them.

    Attributes:
        variables: not trained by gradients.
        reads_batch: whether rows of a batch affect each other, through these variables or through losses of layers.
    """

    variables: tuple[keras.Variable, ...] = ()
    reads_batch: bool = False

    def values(self) -> list[Any]:
        """Copies of the values, taken before a step; to be called within `tf.function`."""
        return [tf.identity(variable.value) for variable in self.variables]

    def combine(self, before: Sequence[Any], rows: Any, world: World) -> None:
        """Give every rank the same values; to be called by all of them, within `tf.function`.

        Args:
            before: what `values` was before the step, the same on every rank.
            rows: float32, the number of real rows of this rank.
            world: the ranks.
        """
        if not self.variables:
            return  # on every rank, so none waits for the others
        # One collective, after that of the gradients. A rank that skipped it, or ran the two in another order, would
        # block all the others.
        shares = [_share(variable, old, rows, world) for variable, old in zip(self.variables, before, strict=True)]
        total, *sums = world.sum([rows, *shares], "forward_state")
        for variable, old, change in zip(self.variables, before, sums, strict=True):
            is_mean = _aggregation(variable) == "mean"
            mean = tf.math.divide_no_nan(change, tf.cast(total, change.dtype)) if is_mean else change
            variable.assign(tf.cast(tf.cast(old, mean.dtype) + mean, old.dtype))


def find_forward_state(network: keras.Model) -> ForwardState:
    """Run the network on one row of zeros in a stateless scope, and see which variables it would change.

    A frozen layer's variables are not trained either, but they stay, and may be too large to send at each step.
    """
    row = tf.nest.map_structure(
        lambda tensor: tf.zeros([size or 1 for size in tensor.shape], tensor.dtype), network.input
    )
    with keras.StatelessScope(collect_losses=True) as scope:
        network(row, training=True)
        variables = tuple(
            variable for variable in network.non_trainable_weights if scope.get_current_value(variable) is not None
        )
    return ForwardState(variables, bool(variables or scope.losses))


def spread_seeds(network: keras.Model, rank: int) -> None:
    """Give layers such as dropout different random numbers on each rank; rank 0 keeps its seeds."""
    for variable in network.variables:
        if variable.name == SEED:
            variable.assign(seed_of_rank(array_of(variable), rank))


def seed_of_rank(first: npt.NDArray[Any], rank: int) -> npt.NDArray[Any]:
    """The state [seed, count] of a seed generator on a rank, from that of rank 0."""
    seed, count = first
    return np.array([seed + rank, count], first.dtype)


def _share(variable: keras.Variable, old: Any, rows: Any, world: World) -> Any:
    """What this rank adds to the sum over ranks, in a type that Horovod sums without loss."""
    kind, way = old.dtype, _aggregation(variable)
    wide = kind if kind == tf.float64 else tf.float32 if kind.is_floating else tf.int64
    change = tf.cast(variable.value, wide) - tf.cast(old, wide)
    if way == "mean":
        # A statistic of no rows is NaN.
        return tf.where(rows > 0.0, change * tf.cast(rows, wide), tf.zeros_like(change))
    return change if way == "sum" or world.rank == 0 else tf.zeros_like(change)


def _aggregation(variable: keras.Variable) -> str:
    if variable.aggregation != "none":
        return str(variable.aggregation)
    return "mean" if tf.as_dtype(variable.dtype).is_floating else "only_first_replica"
