"""Networks that padding rows would spoil, and one with each kind of variable that a forward pass changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.config.optimizer import OptimizerConfig
from pipeline.feed.blocks import open_feed
from pipeline.feed.dataset import BlockReader
from pipeline.model.head import build_head
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import store_folder
from pipeline.store.store import Store, open_store
from pipeline.training.forward_state import SEED
from pipeline.training.optimizer import build_optimizer
from pipeline.training.step_runner import StepRunner
from pipeline.training.world import World
from tests.support.stores import NAME, STORE_ID

BATCH, EPOCHS, MOMENTUM = 16, 2, 0.9


class Logarithm(keras.layers.Layer):
    """Of a padding row's zeros, minus infinity."""

    def call(self, x: Any) -> Any:
        return tf.math.log(tf.abs(x))


class Counter(keras.layers.Layer):
    """Counts rows or steps, and keeps a moving mean of its inputs that knows no aggregation."""

    def build(self, shape: Any) -> None:
        self.rows = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="rows", aggregation="sum"
        )
        self.steps = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="steps")
        self.mean = self.add_weight(shape=(), initializer="zeros", trainable=False, name="mean")
        self.constant = self.add_weight(shape=(), initializer="ones", trainable=False, name="constant")

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.rows.assign_add(tf.shape(x)[0])
            self.steps.assign_add(1)
            self.mean.assign(0.5 * self.mean + 0.5 * tf.reduce_mean(x))
        return x * self.constant


def row_by_row() -> keras.Model:
    """Each row's output depends on that row alone."""
    keras.utils.set_random_seed(3)
    numeric = keras.Input((2,), name="numeric")
    hidden = keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.1), name="hidden")(Logarithm()(numeric))
    return keras.Model({"numeric": numeric}, keras.layers.Dense(1, name="output")(hidden))


def with_state() -> keras.Model:
    """Of numbers that do not depend on weights, a batch normalisation knows mean and variance; and so on."""
    keras.utils.set_random_seed(3)
    numeric = keras.Input((2,), name="numeric")
    x = Counter(name="counted")(Logarithm()(numeric))
    x = keras.layers.BatchNormalization(momentum=MOMENTUM, name="normalised")(x)
    x = keras.layers.SpectralNormalization(keras.layers.Dense(4), name="bounded")(x)
    return keras.Model({"numeric": numeric}, keras.layers.Dense(1, name="output")(keras.layers.Dropout(0.5)(x)))


def runner_of(network: keras.Model, store: Store, world: World) -> StepRunner:
    """One that trains it slowly."""
    settings = OptimizerConfig(name="sgd", learning_rate=0.01)
    return StepRunner(network, build_head(store.features.label, "auto"), build_optimizer(settings, world), world)


def keep_state(world: World, folder: Path) -> dict[str, np.ndarray]:
    """Train both networks; all variables afterwards by network and name, those of seeds as `local`."""
    store, found = open_store(store_folder(storage_path(str(folder / "sparse")), NAME, STORE_ID)), {}
    for build in (row_by_row, with_state):
        runner = runner_of(build(), store, world)
        feed = open_feed(
            store, "train", batch_size=BATCH, world_size=world.size, rank=world.rank, steps_per_block=2, seed=1
        )
        with BlockReader(feed, last_epoch=EPOCHS - 1) as reader:
            for block in (block for _ in range(EPOCHS) for block in reader.epoch()):
                runner.train(block)
        for variable in runner.network.variables:
            kind = "local" if variable.name == SEED else "state"
            place = variable.name if kind == "local" else variable.path
            found[f"{kind}/{build.__name__}/{place}"] = np.asarray(variable.value.numpy())
        found[f"state/{build.__name__}/loss"] = np.array(runner.training.finish(world)["loss"])
    return found
