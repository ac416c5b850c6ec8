"""Training steps and validation steps over blocks, compiled once.

The gradient of a global step is that of the mean loss over the real rows of the global batch: each rank
differentiates the sum over its own rows divided by the global number of rows, and the optimizer sums over ranks.
Weights multiply the losses of rows. They have the mean 1 over all training rows, not in each batch, so that a row
counts the same in whatever batch it is; no rank needs to know the weights of another one's rows.
A regularisation loss is the same on every rank, so each rank contributes its share of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy.typing as npt
import tensorflow as tf

from pipeline.feed.blocks import Block
from pipeline.model.head import Head
from pipeline.model.network import output_of
from pipeline.training.metrics import EpochMetrics
from pipeline.training.vectors import array_of
from pipeline.training.world import World


class Learner:
    """A network, its optimizer and its metrics on one rank."""

    def __init__(
        self,
        network: keras.Model,
        head: Head,
        optimizer: keras.optimizers.Optimizer,
        world: World,
        metrics: Sequence[str] = (),
    ) -> None:
        """Builds the optimizer's variables and gives every rank the values of rank 0.

        Args:
            network: see `model/network.py`.
            head: what its output means.
            optimizer: distributed over `world`.
            world: the ranks.
            metrics: see `train.metrics`.

        Raises:
            ConfigError: a metric does not fit.
        """
        self.network, self.head, self.optimizer, self.world = network, head, optimizer, world
        self.training = EpochMetrics(head.label, metrics, optimizer)
        self.validation = EpochMetrics(head.label, metrics)
        optimizer.build(network.trainable_variables)
        world.broadcast([variable.value for variable in (*network.variables, *optimizer.variables)])
        self._compiled: dict[Any, Any] = {}
        # What is ours and Keras's is written in TensorFlow's operations, which AutoGraph would only look through once
        # more at each training; a metric of the user's may have an `if`.
        self._autograph = any(":" in name for name in metrics)

    def train(self, block: Block) -> None:
        """Take all steps of a block."""
        self._run(self._train_step, block)

    def validate(self, block: Block) -> None:
        """Measure all steps of a block."""
        self._run(self._validation_step, block)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All that a step changes, as arrays by name; `metrics/` are sums over this rank's rows."""
        return {name: array for part, variables in self._parts() for name, array in _as_arrays(variables, part).items()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what `state` told; a KeyError names what is missing."""
        for part, variables in self._parts():
            _restore_arrays(variables, state, part)

    def _parts(self) -> list[tuple[str, Sequence[Any]]]:
        return [
            ("network", self.network.variables),  # those of random numbers too
            ("optimizer", self.optimizer.variables),
            ("norms", self.optimizer.norms.variables),
            ("metrics/training", self.training.variables),
            ("metrics/validation", self.validation.variables),
        ]

    def _run(self, work: Callable[[Block], None], block: Block) -> None:
        """All steps of a block, whatever their number, by a function that is compiled once for each shape of batch."""
        specs = tf.nest.map_structure(lambda part: tf.TensorSpec((None, *part.shape[1:]), part.dtype), block)
        key = (work.__name__, *((tuple(spec.shape), spec.dtype) for spec in tf.nest.flatten(specs)))
        if key not in self._compiled:
            self._compiled[key] = tf.function(
                lambda block: _each_step(work, block), input_signature=[specs], autograph=self._autograph
            )
        self._compiled[key](block)

    def _train_step(self, batch: Block) -> None:
        with tf.GradientTape() as tape:
            z = output_of(self.network, batch, training=True)
            row_loss = self.head.row_loss(batch.label, z)
            loss = tf.reduce_sum(row_loss * batch.weight) / batch.rows
            if self.network.losses:
                loss += tf.cast(tf.add_n(self.network.losses), tf.float32) / self.world.size
            loss = self.optimizer.scale_loss(loss)
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self._measure(self.training, batch, z, row_loss)

    def _validation_step(self, batch: Block) -> None:
        z = output_of(self.network, batch)
        self._measure(self.validation, batch, z, self.head.row_loss(batch.label, z))

    def _measure(self, metrics: EpochMetrics, batch: Block, z: Any, row_loss: Any) -> None:
        metrics.update(batch.label, self.head.predict(z), row_loss=row_loss, weight=batch.weight)


def _each_step(work: Callable[[Block], None], block: Block) -> None:
    steps = tf.shape(block.rows)[0]

    def take(step: Any) -> tuple[Any]:
        work(block.step(step))
        return (step + 1,)

    tf.while_loop(lambda step: step < steps, take, (0,))


def _as_arrays(variables: Sequence[Any], prefix: str) -> dict[str, npt.NDArray[Any]]:
    """The values of variables by their place and name."""
    return {f"{prefix}/{number:03d}/{variable.name}": array_of(variable) for number, variable in enumerate(variables)}


def _restore_arrays(variables: Sequence[Any], arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> None:
    """The reverse of `_as_arrays`; a KeyError names what is missing."""
    for number, variable in enumerate(variables):
        variable.assign(arrays[f"{prefix}/{number:03d}/{variable.name}"])
