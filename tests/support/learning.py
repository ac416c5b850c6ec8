"""What ranks do in tests of learning together: train on a small store, measure rows, exchange gradients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.config.optimizer import OptimizerConfig
from pipeline.feed.blocks import open_feed
from pipeline.feed.dataset import BlockReader
from pipeline.model.head import build_head
from pipeline.model.network import build_network
from pipeline.networks.mlp import MlpConfig
from pipeline.schemas.label import LabelSpec
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import store_folder
from pipeline.store.store import Store, open_store
from pipeline.training.gradients import Exchange
from pipeline.training.metrics import EpochMetrics
from pipeline.training.optimizer import build_optimizer
from pipeline.training.step_runner import StepRunner
from pipeline.training.world import World
from tests.support.stateful import keep_state
from tests.support.stores import NAME, STORE_ID

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "learning_rate": 0.05},
    "momentum": {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9},
    "adam": {"name": "adam", "learning_rate": 0.01},
    "rmsprop": {"name": "rmsprop", "learning_rate": 0.01},
    "adagrad": {"name": "adagrad", "learning_rate": 0.05},
    "adadelta": {"name": "adadelta", "learning_rate": 1.0},
    "clip_global_norm": {"name": "sgd", "learning_rate": 0.1, "clip_global_norm": 0.2},
    "accumulated": {"name": "adam", "learning_rate": 0.01, "backward_passes_per_step": 3, "clip_norm": 1.0},
    "scaled": {"name": "adam", "learning_rate": 0.01},
}
PLAIN, WEIGHTED = "plain", "weighted"
WITH_WEIGHTS, TWICE = ("sgd", "adam"), "adam"
LABELS = {
    "numbers": LabelSpec(name="y", task="regression"),
    "two": LabelSpec(name="y", task="binary", classes=("no", "yes")),
    "three": LabelSpec(name="y", task="multiclass", classes=("a", "b", "c")),
}
SUMS: dict[str, dict[str, Any]] = {"none": {}, "fp16": {"compression": "fp16"}, "bf16": {"compression": "bf16"}}
METRICS = {
    "numbers": ("mae", "rmse", "mse", "r2"),
    "two": ("accuracy", "auc", "precision", "recall", "f1"),
    "three": ("accuracy", "auc", "precision", "recall", "f1"),
}


def learn(store: Store, world: World, settings: dict[str, Any], *, scaled: bool = False, epochs: int = 1) -> StepRunner:
    """Train, and return the runner."""
    network = build_network(MlpConfig(hidden=(8,)), store.features, 3)
    head = build_head(store.features.label, "auto")
    optimizer = build_optimizer(OptimizerConfig(**settings), world, scales_loss=scaled)
    runner = StepRunner(network, head, optimizer, world)
    feed = open_feed(store, "train", batch_size=64, world_size=world.size, rank=world.rank, steps_per_block=5, seed=1)
    with BlockReader(feed, last_epoch=epochs - 1) as reader:
        for _ in range(epochs):
            for block in reader.epoch():
                runner.train(block)
    return runner


def learn_all(world: World, folder: Path) -> dict[str, np.ndarray]:
    """All of this module on one rank: what was learned, measured and exchanged."""
    found = {}
    for kind in (PLAIN, WEIGHTED):
        store = open_store(store_folder(storage_path(str(folder / kind)), NAME, STORE_ID))
        for name, settings in OPTIMIZERS.items():
            if kind == WEIGHTED and name not in WITH_WEIGHTS:
                continue
            for turn in range(2 if (kind, name) == (PLAIN, TWICE) else 1):
                runner = learn(store, world, settings, scaled=name == "scaled")
                told = runner.training.finish(world)
                weights = np.concatenate([weight.ravel() for weight in runner.network.get_weights()])
                found[f"weights/{kind}/{name}/{turn}"] = weights
                found[f"told/{kind}/{name}/{turn}"] = np.array([told[key] for key in sorted(told)])
    return (
        found | measure(world) | exchange(world, SUMS | {"adasum": {"reduction": "adasum"}}) | keep_state(world, folder)
    )


def rows_of(kind: str) -> dict[str, np.ndarray]:
    """Labels, predictions and weights of all rows; the labels of numbers lie far from zero."""
    random, rows = np.random.default_rng(7), 3001
    weight = random.uniform(0.2, 3, rows).astype(np.float32)
    if kind == "numbers":
        label = (5000 + random.normal(size=rows) * 30).astype(np.float32)
        return {
            "label": label,
            "prediction": (label + random.normal(size=rows) * 20).astype(np.float32),
            "weight": weight,
        }
    classes = len(LABELS[kind].classes)
    label = random.integers(0, classes, rows)
    scores = random.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[label]
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    prediction = shares if classes > 2 else shares[:, 1]
    return {"label": label.astype(np.float32), "prediction": prediction.astype(np.float32), "weight": weight}


def measure(world: World) -> dict[str, np.ndarray]:
    """Every metric of all rows, of which each rank sees a part; the first rank sees most."""
    found = {}
    for kind, label in LABELS.items():
        metrics, rows = EpochMetrics(label, METRICS[kind]), rows_of(kind)
        bounds = np.linspace(0, 1, world.size + 1) ** 0.5 * len(rows["label"])
        mine = np.arange(int(bounds[world.rank]), int(bounds[world.rank + 1]))
        for real in np.array_split(mine, 5):
            part = np.concatenate([real, [0] * 3])  # padding
            weight = rows["weight"][part]
            weight[-3:] = 0
            label_, prediction = (tf.constant(rows[name][part]) for name in ("label", "prediction"))
            metrics.update(label_, prediction, row_loss=label_, weight=tf.constant(weight))
        for name, value in metrics.finish(world).items():
            found[f"metric/{kind}/{name}"] = np.array(value)
    return found


def gradients_of(rank: int) -> list[Any]:
    """A rank's gradients: a matrix, an embedding's rows, none, and a vector."""
    random = np.random.default_rng(rank)
    rows = tf.IndexedSlices(
        tf.constant(random.normal(size=(6, 4)), tf.float32),
        tf.constant(random.integers(0, 500, 6), tf.int64),
        dense_shape=tf.constant([500, 4], tf.int64),
    )
    return [
        tf.constant(random.normal(size=(7, 3)), tf.float32),
        rows,
        None,
        tf.constant(random.normal(size=5), tf.float32),
    ]


def exchange_sums(world: World, folder: Path) -> dict[str, np.ndarray]:
    """What becomes of the ranks' gradients where they are summed, on any number of ranks."""
    return exchange(world, SUMS)


def exchange(world: World, ways: Mapping[str, dict[str, Any]]) -> dict[str, np.ndarray]:
    """What becomes of the ranks' gradients on each way."""
    found = {}
    for name, settings in ways.items():
        way = Exchange(world, **settings)
        # Made within the function, as in a step: the table's shape, which decides what is sent, is then a constant.
        combine = tf.function(lambda way=way: way.combine(gradients_of(world.rank)))
        for place, gradient in enumerate(combine()):
            if gradient is not None:
                found[f"exchange/{name}/{place}"] = gradient.numpy()
    layers = layers_of(world.rank)
    in_buckets = tf.function(lambda: world.sum([tf.identity(layer) for layer in layers], "layers"))
    return found | {f"exchange/layers/{place}": layer.numpy() for place, layer in enumerate(in_buckets())}


def layers_of(rank: int) -> list[np.ndarray]:
    """Tensors of a rank that fill a bucket and begin another, as they do in a deep network."""
    random = np.random.default_rng(rank)
    return [random.normal(size=(600, width)).astype(np.float32) for width in (500, 1000, 7, 1000)]
