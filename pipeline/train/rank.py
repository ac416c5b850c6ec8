"""A training, as one rank runs it: epochs, best weights, records for the driver, the saved model."""

from __future__ import annotations

import hashlib
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import keras
import numpy as np

from pipeline.errors import TrainError
from pipeline.feed.blocks import Block, open_feed
from pipeline.feed.cache import Cache, open_cache
from pipeline.feed.dataset import BlockReader
from pipeline.feed.memory import Memory, Resources
from pipeline.model.class_weights import class_weights_of
from pipeline.model.head import build_head
from pipeline.model.network import build_network
from pipeline.model.serving import build_serving_model
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import MODEL
from pipeline.store.store import Store
from pipeline.train.job import RankJob, RankResult
from pipeline.train.learner import Learner
from pipeline.train.optimizer import build_optimizer
from pipeline.train.records import EpochRecord, write_epoch
from pipeline.train.stopping import Stopping
from pipeline.train.world import World

VALIDATION_BATCH = 4096
"""Rows of a global validation step; no gradient is taken, so it need not be the training batch."""


def train_rank(job: RankJob, world: World) -> RankResult:
    """Train to the end; rank 0 writes records and the model into the job's scratch folder."""
    keras.backend.clear_session()
    store, scratch = job.open_store(), job.open_scratch()
    network = build_network(job.model, store.features, job.seed)
    head = build_head(store.features.label, job.train.loss)
    learner = Learner(network, head, build_optimizer(job.train.optimizer, world), world)
    with closing(open_cache(job.train.cache, job.train.cache_bytes)) as cache:
        training, validation = _readers(job, store, world, cache)
        with training, validation:
            best_epoch, epochs = _train(job, learner, training, validation, scratch)
    if world.rank == 0:
        _save(network, store, scratch)
    return RankResult(rank=world.rank, epochs=epochs, best_epoch=best_epoch, weights=weights_digest(network))


def _train(
    job: RankJob, learner: Learner, training: BlockReader, validation: BlockReader, scratch: Root
) -> tuple[int, int]:
    """All epochs; the network ends with the weights of the best one.

    Returns:
        The best epoch, counted from 1, and how many were trained.
    """
    stopping, best, epochs = Stopping(job.train.early_stopping), learner.network.get_weights(), 0
    while epochs < job.train.epochs and not stopping.stops:
        record, stopping = _epoch(learner, training, validation, epochs, stopping)
        if record.best:
            best = learner.network.get_weights()
        if learner.world.rank == 0:
            write_epoch(scratch, record)
        epochs += 1
    learner.network.set_weights(best)
    return stopping.best_epoch + 1, epochs


def weights_digest(network: keras.Model) -> str:
    """SHA-256 over all weights, in order: equal only for bit-identical networks."""
    digest = hashlib.sha256()
    for weights in network.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()


def _readers(job: RankJob, store: Store, world: World, cache: Cache) -> tuple[BlockReader, BlockReader]:
    """Both feeds share this rank's memory and its cache."""
    steps, size, rank = job.train.steps_per_execution, world.size, world.rank
    resources = Resources(memory=Memory(job.train.feed_memory), threads=job.train.feed_threads, cache=cache)
    training = open_feed(
        store,
        "train",
        batch_size=job.train.batch_size,
        world_size=size,
        rank=rank,
        steps_per_block=steps,
        seed=job.seed,
        class_weights=class_weights_of(store.features.label, job.train.class_weights),
        resources=resources,
    )
    validation = open_feed(
        store,
        "validation",
        batch_size=VALIDATION_BATCH,
        world_size=size,
        rank=rank,
        steps_per_block=1,
        seed=None,
        resources=resources,
    )
    last = job.train.epochs - 1
    return BlockReader(training, last_epoch=last), BlockReader(validation, last_epoch=last)


def _epoch(
    learner: Learner, training: BlockReader, validation: BlockReader, epoch: int, stopping: Stopping
) -> tuple[EpochRecord, Stopping]:
    waited, start = _Waiting(), time.monotonic()
    for block in waited.over(training.epoch()):
        learner.train(block)
    seconds = time.monotonic() - start
    metrics = learner.training.finish(learner.world)
    for block in validation.epoch():
        learner.validate(block)
    if sum(validation.feed.plan.shard_rows):
        metrics |= {f"val_{name}": value for name, value in learner.validation.finish(learner.world).items()}
    monitored = metrics.get("val_loss", metrics["loss"])
    if not math.isfinite(metrics["loss"]) or not math.isfinite(monitored):
        raise TrainError(
            f"The loss is not finite after epoch {epoch + 1} (training {metrics['loss']}, monitored {monitored}). "
            "Lower train.optimizer.learning_rate, or scale the features."
        )
    stopping = stopping.after(epoch, monitored)
    record = EpochRecord(
        epoch=epoch + 1,
        metrics=metrics,
        rows=sum(training.feed.plan.shard_rows),
        seconds=seconds,
        input_seconds=waited.seconds,
        best=stopping.is_best(epoch),
    )
    return record, stopping


class _Waiting:
    """How long a loop waited for its iterator."""

    seconds = 0.0

    def over(self, blocks: Iterator[Block]) -> Iterator[Block]:
        while True:
            start = time.monotonic()
            block = next(blocks, None)
            self.seconds += time.monotonic() - start
            if block is None:
                return
            yield block


def _save(network: keras.Model, store: Store, scratch: Root) -> None:
    """Keras writes local files only; the storage root may be elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        build_serving_model(network, store.features).save(path)
        files.write_bytes(scratch.within(MODEL), path.read_bytes())
