"""Training steps and validation steps over blocks, compiled once.

The gradient of a global step is that of the mean loss over the real rows of the global batch: each rank
differentiates the sum over its own rows divided by the global number of rows, and the optimizer sums over ranks.
Weights multiply the losses of rows. They have the mean 1 over all training rows, not in each batch, so that a row
counts the same in whatever batch it is; no rank needs to know the weights of another one's rows.
A regularisation loss is the same on every rank, so each rank contributes its share of it. Padding rows never reach the
network, see `padding`; what the forward pass changes beside the gradient's variables ends equal on all ranks, see
`forward_state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy.typing as npt
import tensorflow as tf

from pipeline.feed.block import Block
from pipeline.model.head import Head
from pipeline.model.network import output_of
from pipeline.model.tracing import traced
from pipeline.training.forward_state import find_forward_state, spread_seeds
from pipeline.training.metrics import EpochMetrics
from pipeline.training.padding import drop_padding, is_real, replace_padding, without_padding, zero_without_rows
from pipeline.training.vectors import array_of
from pipeline.training.world import World


class StepRunner:
    """A network, its optimizer and its metrics on one rank."""

    def __init__(
        self,
        network: keras.Model,
        head: Head,
        optimizer: keras.optimizers.Optimizer,
        world: World,
        metrics: Sequence[str] = (),
    ) -> None:
        """Builds the optimizer's variables and gives every rank the values of rank 0, but for seeds of random numbers.

        Args:
            network: see `model/network.py`.
            head: its loss and predictions, see `model/head.py`.
            optimizer: distributed over `world`.
            world: the ranks.
            metrics: names as in `train.metrics`.

        Raises:
            ConfigError: a metric does not fit.
        """
        self.network, self.head, self.optimizer, self.world = network, head, optimizer, world
        self.training = EpochMetrics(head.label, metrics, optimizer)
        self.validation = EpochMetrics(head.label, metrics)
        optimizer.build(network.trainable_variables)
        world.broadcast([variable.value for variable in (*network.variables, *optimizer.variables)])
        spread_seeds(network, world.rank)
        self.block_steps: int | None = None
        """The number of steps of a block that was chosen by their duration; see `execution.choose_steps`."""
        self._forward_state = find_forward_state(network)
        self._compiled: dict[Any, Any] = {}
        # Our code and Keras's consists of TensorFlow operations, which AutoGraph would only parse again for each
        # training run; a metric of the user's may contain an `if`.
        self._autograph = any(":" in name for name in metrics)

    def train(self, block: Block) -> None:
        """Take all steps of a block."""
        self._run(self._train_step, block)

    def validate(self, block: Block) -> None:
        """Measure all steps of a block."""
        self._run(self._validation_step, block)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that a step changes, as arrays by name; `metrics/` are sums over this rank's rows."""
        return {name: array_of(variable) for name, variable in self._named_variables()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what `state` returned; a KeyError names what is missing."""
        for name, variable in self._named_variables():
            variable.assign(state[name])

    def restart(self, network: keras.Model, fresh: Mapping[str, npt.NDArray[Any]], rate: float) -> None:
        """Be as before the first step, for another training run of rank 0, with compiled steps.

        Args:
            network: a network that was built alike, whose weights and seeds this one gets.
            fresh: what `state` returned before the first step of the first run.
            rate: the learning rate, which no schedule changes.
        """
        self.restore(fresh)
        for own, other in zip(self.network.variables, network.variables, strict=True):
            own.assign(other.value)
        self.optimizer.learning_rate = rate

    def _named_variables(self) -> Iterator[tuple[str, Any]]:
        """All variables that a step changes, by their position and name; checkpoints store them under these names."""
        parts = {
            "network": self.network.variables,  # those of random numbers too
            "optimizer": self.optimizer.variables,
            "norms": self.optimizer.norms.variables,
            "metrics/training": self.training.variables,
            "metrics/validation": self.validation.variables,
        }
        for part, variables in parts.items():
            for number, variable in enumerate(variables):
                yield f"{part}/{number:03d}/{variable.name}", variable

    def _run(self, work: Callable[[Block], None], block: Block) -> None:
        """All steps of a block, whatever their number, by a function that is compiled once for each shape of batch."""
        specs = tf.nest.map_structure(lambda part: tf.TensorSpec((None, *part.shape[1:]), part.dtype), block)
        key = (work.__name__, *((tuple(spec.shape), spec.dtype) for spec in tf.nest.flatten(specs)))
        if key not in self._compiled:
            steps = tf.function(
                lambda block: _each_step(work, block), input_signature=[specs], autograph=self._autograph
            )
            # Traced here and not by a call: TensorFlow counts tracing calls by the function's line of code, so it would
            # warn of retracing in a process that trains several times, though each function is traced once.
            self._compiled[key] = traced(steps)
        self._compiled[key](block)

    def _train_step(self, batch: Block) -> None:
        before, batch = self._forward_state.values(), self._without_padding(batch)
        real, variables = is_real(batch), self.network.trainable_variables
        with tf.GradientTape(persistent=True) as tape:
            z = without_padding(real, output_of(self.network, batch, training=True))
            row_loss = self.head.row_loss(batch.label, z)
            loss = self.optimizer.scale_loss(tf.reduce_sum(row_loss * batch.weight) / batch.rows)
            penalty = self._penalty()
        gradients = zero_without_rows(real, tape.gradient(loss, variables))
        if penalty is not None:
            gradients = _sums(gradients, tape.gradient(penalty, variables))
        # Two collectives, in the same order on every rank: the gradients, then what the forward pass has changed.
        self.optimizer.apply(gradients, variables)
        self._forward_state.combine(before, tf.reduce_sum(tf.cast(real, tf.float32)), self.world)
        self._measure(self.training, batch, z, row_loss)

    def _penalty(self) -> Any | None:
        """This rank's share of the regularisation losses, scaled as the loss is; to be called after the network."""
        if not self.network.losses:
            return None
        return self.optimizer.scale_loss(tf.cast(tf.add_n(self.network.losses), tf.float32) / self.world.size)

    def _without_padding(self, batch: Block) -> Block:
        return drop_padding(batch) if self._forward_state.reads_batch else replace_padding(batch)

    def _validation_step(self, batch: Block) -> None:
        batch = self._without_padding(batch)
        z = without_padding(is_real(batch), output_of(self.network, batch))
        self._measure(self.validation, batch, z, self.head.row_loss(batch.label, z))

    def _measure(self, metrics: EpochMetrics, batch: Block, z: Any, row_loss: Any) -> None:
        metrics.update(batch.label, self.head.predict(z), row_loss=row_loss, weight=batch.weight)


def _each_step(work: Callable[[Block], None], block: Block) -> None:
    steps = tf.shape(block.rows)[0]

    def take(step: Any) -> tuple[Any]:
        work(block.step(step))
        return (step + 1,)

    tf.while_loop(lambda step: step < steps, take, (0,))


def _sums(gradients: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """Pair by pair, dense where there are two."""
    return [
        one if other is None else other if one is None else tf.convert_to_tensor(one) + tf.convert_to_tensor(other)
        for one, other in zip(gradients, others, strict=True)
    ]
