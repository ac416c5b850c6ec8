"""Training steps and validation steps over blocks, compiled once.

The gradient of a global step is that of the mean loss over the real rows of the global batch: each rank
differentiates the sum over its own rows divided by the global number of rows, and the optimizer sums over ranks.
Weights multiply the losses of rows. They have the mean 1 over all training rows, not in each batch, so that a row
counts the same in whatever batch it is; no rank needs to know the weights of another one's rows.
A regularisation loss is the same on every rank, so each rank contributes its share of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.feed.blocks import Block
from pipeline.model.head import Head
from pipeline.train.metrics import EpochMetrics
from pipeline.train.world import World


class Learner:
    """A network, its optimizer and its metrics on one rank."""

    def __init__(self, network: keras.Model, head: Head, optimizer: keras.optimizers.Optimizer, world: World) -> None:
        """Builds the optimizer's variables and gives every rank the values of rank 0."""
        self.network, self.head, self.optimizer, self.world = network, head, optimizer, world
        self.training, self.validation = EpochMetrics(head.label), EpochMetrics(head.label)
        optimizer.build(network.trainable_variables)
        world.broadcast([variable.value for variable in (*network.variables, *optimizer.variables)])

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def train(self, block: Block) -> None:
        """Take all steps of a block."""
        for step in tf.range(tf.shape(block.rows)[0]):
            self._train_step(block.step(step))

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def validate(self, block: Block) -> None:
        """Measure all steps of a block."""
        for step in tf.range(tf.shape(block.rows)[0]):
            batch = block.step(step)
            z = self.network(self._inputs(batch), training=False)
            self._measure(self.validation, batch, z, self.head.row_loss(batch.label, z))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """All that changes while this rank trains, by name: copies."""
        return {name: np.array(variable.value) for name, variable in self._variables().items()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state of a learner that was built alike."""
        for name, variable in self._variables().items():
            variable.assign(state[name])

    def _variables(self) -> dict[str, Any]:
        """By names that are the same whenever a learner is built; the network's include dropout's generators."""
        groups = {
            "network": self.network.variables,
            "optimizer": self.optimizer.variables,
            "metrics": self.training.variables,
        }
        return {
            f"{group}/{number}/{variable.path}": variable
            for group, variables in groups.items()
            for number, variable in enumerate(variables)
        }

    def _train_step(self, batch: Any) -> None:
        with tf.GradientTape() as tape:
            z = self.network(self._inputs(batch), training=True)
            row_loss = self.head.row_loss(batch.label, z)
            loss = tf.reduce_sum(row_loss * batch.weight) / batch.rows
            if self.network.losses:
                loss += tf.add_n(self.network.losses) / self.world.size
        variables = self.network.trainable_variables
        # The gradient of an embedding names some rows of it only; summing over ranks and most optimizers need all.
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]
        self.optimizer.apply(gradients, variables)
        self._measure(self.training, batch, z, row_loss)

    def _measure(self, metrics: EpochMetrics, batch: Any, z: Any, row_loss: Any) -> None:
        metrics.update(batch.label, self.head.predict(z), row_loss=row_loss, weight=batch.weight)

    def _inputs(self, batch: Any) -> dict[str, Any]:
        return {name: getattr(batch, name) for name in self.network.input}
