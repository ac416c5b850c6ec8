"""The gradient of the whole world from those of its ranks, and what is told about it.

A rank's gradient is that of the sum of its rows' losses divided by the rows of the *global* batch (`step_runner.py`),
so the sum over ranks is the gradient of the mean over all rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import tensorflow as tf

from pipeline.training.world import World

GATHER_BELOW = 0.25
"""An embedding's gradient is sent as the rows that a batch touched where these are less than this share of the bytes
of the whole table: sending rows is a further exchange, which a small table is not worth."""
INDEX_BYTES = 8
COMPRESSED: Mapping[str, Any] = {"fp16": tf.float16, "bf16": tf.bfloat16}


@dataclass(frozen=True)
class Exchange:
    """How the ranks' gradients become one.

    Attributes:
        world: the ranks.
        compression: what numbers travel as; the smallest one of `fp16` is 6e-8. See `World.sum` for how they are added.
        reduction: `mean` or `adasum`, see `OptimizerConfig`.
    """

    world: World
    compression: Literal["none", "fp16", "bf16"] = "none"
    reduction: Literal["mean", "adasum"] = "mean"

    def combine(self, gradients: Sequence[Any]) -> list[Any]:
        """The gradient over all ranks, dense, the same on every rank; None stays None."""
        combined: dict[int, Any] = {}
        if self.world.size > 1:
            touched = {number: gradient for number, gradient in enumerate(gradients) if self._is_gathered(gradient)}
            combined |= zip(touched, self._gather_rows(list(touched.values())), strict=True)
        rest = {
            number: tf.convert_to_tensor(gradient)
            for number, gradient in enumerate(gradients)
            if gradient is not None and number not in combined
        }
        combined |= zip(rest, self._reduce(list(rest.values())), strict=True)
        return [combined.get(number) for number in range(len(gradients))]

    def _reduce(self, gradients: list[Any]) -> list[Any]:
        world = self.world
        if world.size == 1 or not gradients:
            return gradients
        if self.reduction == "adasum":
            stacks = world.gather([gradient[None] for gradient in gradients], "gradients")
            # Each rank's own mean: what is parallel is then averaged, and what is orthogonal added.
            return [adasum([world.size * part for part in tf.split(stack, world.size)])[0] for stack in stacks]
        kind = COMPRESSED.get(self.compression)
        if kind is None:
            return world.sum(gradients, "gradients")
        halves = world.sum([tf.cast(gradient, kind) for gradient in gradients], "gradients")
        return [tf.cast(half, gradient.dtype) for half, gradient in zip(halves, gradients, strict=True)]

    def _is_gathered(self, gradient: Any) -> bool:
        """Whether rows are sent instead of the table; every rank must decide alike, so only by what all know."""
        if not isinstance(gradient, tf.IndexedSlices) or self.reduction == "adasum":
            return False
        shape = tf.get_static_value(gradient.dense_shape)
        if shape is None or not gradient.values.shape.is_fully_defined():
            return False
        rows, *row = gradient.values.shape
        sent = self.world.size * rows * (math.prod(row) * gradient.dtype.size + INDEX_BYTES)
        return bool(sent < GATHER_BELOW * math.prod(shape.tolist()) * gradient.dtype.size)

    def _gather_rows(self, gradients: list[tf.IndexedSlices]) -> list[Any]:
        """Dense sums of rows from all ranks, in the order of ranks. Rows are few, so they are not compressed."""
        if not gradients:
            return []
        values = self.world.gather([gradient.values for gradient in gradients], "gradient_rows")
        indices = self.world.gather([tf.cast(gradient.indices, tf.int64) for gradient in gradients], "gradient_indices")
        return [
            tf.math.unsorted_segment_sum(value, index, tf.get_static_value(gradient.dense_shape)[0])
            for value, index, gradient in zip(values, indices, gradients, strict=True)
        ]


def adasum(gradients: Sequence[Any]) -> Any:
    """Adaptive sum of a power of two of gradients, by pairs: equal ones are averaged, orthogonal ones added.

    Horovod has it for MPI and NCCL only.
    """
    while len(gradients) > 1:
        gradients = [_adasum_of_two(a, b) for a, b in zip(gradients[::2], gradients[1::2], strict=True)]
    return gradients[0]


def _adasum_of_two(a: Any, b: Any) -> Any:
    common = tf.reduce_sum(a * b)
    share_a, share_b = (tf.math.divide_no_nan(common, 2.0 * tf.reduce_sum(tf.square(part))) for part in (a, b))
    return (1.0 - share_a) * a + (1.0 - share_b) * b


class GradientNorms:
    """The norms of an epoch's gradients, over all ranks and before clipping; the same on every rank."""

    def __init__(self) -> None:
        """Nothing noted yet."""
        self._total, self._count, self._largest = (
            keras.Variable(0.0, trainable=False, dtype="float64", name=name) for name in ("total", "count", "largest")
        )

    @property
    def variables(self) -> list[keras.Variable]:
        """What has been noted."""
        return [self._total, self._count, self._largest]

    def note(self, gradients: Sequence[Any]) -> None:
        """Add one step's gradient; may be called within `tf.function`."""
        norm = tf.cast(tf.linalg.global_norm([gradient for gradient in gradients if gradient is not None]), tf.float64)
        self._total.assign_add(norm)
        self._count.assign_add(1.0)
        self._largest.assign(tf.maximum(self._largest.value, norm))

    def finish(self) -> dict[str, float]:
        """Mean and maximum, where there were steps; nothing is noted afterwards."""
        total, count, largest = (float(variable.numpy()) for variable in self.variables)
        for variable in self.variables:
            variable.assign(0.0)
        return {"gradient_norm": total / count, "gradient_norm_max": largest} if count else {}
