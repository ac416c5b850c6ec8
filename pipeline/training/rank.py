"""A training run on one rank: its feeds, its network, the checkpoint it resumes from, its epochs, the saved model."""

from __future__ import annotations

import hashlib
import logging
import math
import shutil
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from pipeline.config.schedule import ScheduleConfig
from pipeline.feed.blocks import Feed, open_feed
from pipeline.feed.cache import Cache, open_cache
from pipeline.feed.dataset import BlockReader
from pipeline.feed.memory import Memory, Resources
from pipeline.model.class_weights import class_weights_of
from pipeline.model.head import build_head
from pipeline.model.network import build_network
from pipeline.model.saved import write_saved_model
from pipeline.model.serving import build_serving_model
from pipeline.schemas.decision import DecisionRule
from pipeline.store import filesystem as files
from pipeline.store.layout import BUNDLE, MODEL, SAVED_MODEL
from pipeline.store.store import Store
from pipeline.training.callbacks import Callbacks
from pipeline.training.checkpoints.format import Checkpoint
from pipeline.training.checkpoints.policy import CheckpointPolicy
from pipeline.training.checkpoints.ranks import OF_EPOCH, OF_VALIDATION, check_fits, find_checkpoint, state_of_rank
from pipeline.training.checkpoints.writer import open_writer
from pipeline.training.decision import fit_decision
from pipeline.training.early_stopping import EarlyStopping
from pipeline.training.execution import choose_steps, most_steps
from pipeline.training.job import RankJob, RankResult
from pipeline.training.loop import Loop
from pipeline.training.optimizer import build_optimizer
from pipeline.training.precision import computing_in
from pipeline.training.progress import TrainingProgress, resumed_progress
from pipeline.training.rate_curve import write_curve
from pipeline.training.rate_finder import find_rate
from pipeline.training.reduce_lr_on_plateau import ReduceLROnPlateau
from pipeline.training.schedule import build_schedule
from pipeline.training.step_runner import StepRunner
from pipeline.training.tensorboard import open_board
from pipeline.training.world import World

logger = logging.getLogger(__name__)

VALIDATION_BATCH = 4096
"""Rows of a global validation step. No gradient is taken, so it need not match the training batch."""


def train_rank(job: RankJob, world: World) -> RankResult:
    """Train to the end, or until a stop is requested; resumes from the latest checkpoint, if there is one.

    Rank 0 writes the records of epochs and the model into the job's scratch folder. The calls below that involve the
    world (`find_checkpoint`, `_find_rate`, `StepRunner`, `choose_steps`, the loop, `fit_decision`) contain collectives:
    their order is the same on every rank, whatever a rank finds on its own disk or clock.
    """
    keras.backend.clear_session()
    store = job.open_store()
    generation, checkpoint = find_checkpoint(job, world)
    with closing(open_cache(job.train.cache, job.train.cache_bytes)) as cache:
        training, validation = _feeds(job, store, world, cache)
        rate = checkpoint.head.learning_rate if checkpoint else _find_rate(job, store, world, training)
        runner = _step_runner(job, store, world, training.plan.steps, rate)
        training = choose_steps(job.train.steps_per_execution, runner, training)
        steps = training.plan.steps
        progress = _resume(checkpoint, runner, steps, job) if checkpoint else TrainingProgress(steps)
        last = job.train.epochs - 1
        with (
            BlockReader(training, progress.epoch, progress.step, last_epoch=last) as training_rows,
            BlockReader(validation, progress.epoch, last_epoch=last) as validation_rows,
            open_writer(job.open_checkpoints(), generation) as writer,
            open_board(job.tensorboard if world.rank == 0 else None) as board,
        ):
            callbacks = Callbacks(job.train.callbacks, runner.network, job.train.epochs)
            if checkpoint:
                callbacks.restore(checkpoint.head.callbacks)
            loop = Loop(
                epochs=job.train.epochs,
                runner=runner,
                training=training_rows,
                validation=validation_rows,
                progress=progress,
                early_stopping=EarlyStopping(job.train.early_stopping),
                plateau=ReduceLROnPlateau(job.train.reduce_on_plateau, rate or job.train.optimizer.learning_rate),
                checkpoints=CheckpointPolicy(job, writer, rate, checkpoint),
                callbacks=callbacks,
                board=board,
                scratch=job.open_scratch(),
            )
            begun = time.monotonic()
            finished = loop.run()
            seconds = time.monotonic() - begun
    decision = fit_decision(job.decision_config, store, runner) if finished else DecisionRule()
    if finished and job.saves and world.rank == 0:
        _save(runner.network, job, store, decision)
    return RankResult(
        rank=world.rank,
        epochs=progress.epoch,
        best_epoch=loop.early_stopping.best_epoch + 1,
        weights=weights_digest(runner.network),
        parameters=sum(math.prod(weights.shape) for weights in runner.network.trainable_weights),
        seconds=seconds,
        stopped=not finished,
        resumed=progress.resumed,
        decision=decision,
    )


def weights_digest(network: keras.Model) -> str:
    """SHA-256 over all weights, in order: equal only for bit-identical networks."""
    digest = hashlib.sha256()
    for weights in network.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()


def _feeds(job: RankJob, store: Store, world: World, cache: Cache) -> tuple[Feed, Feed]:
    """Training and validation, which share this rank's memory and its cache."""
    steps, size, rank = most_steps(job.train.steps_per_execution), world.size, world.rank
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
    return training, validation


def _step_runner(job: RankJob, store: Store, world: World, steps: int, learning_rate: float | None) -> StepRunner:
    """The network, optimizer and metrics before the first step.

    Args:
        job: the settings.
        store: the store to train on.
        world: the ranks.
        steps: the number of steps of an epoch.
        learning_rate: the learning rate to use; None takes that of the configuration.
    """
    settings = job.train.optimizer
    if learning_rate is not None:
        settings = settings.model_copy(update={"learning_rate": learning_rate})
    schedule = build_schedule(
        job.train.schedule,
        peak=settings.learning_rate,
        epoch_steps=steps / settings.backward_passes_per_step,
        epochs=job.train.epochs,
    )
    with computing_in(job.train.mixed_precision):
        network = build_network(job.model, store.features, job.seed)
    head = build_head(store.features.label, job.train.loss)
    scales_loss = job.train.mixed_precision == "float16"
    optimizer = build_optimizer(settings, world, schedule, scales_loss=scales_loss)
    return StepRunner(network, head, optimizer, world, job.train.metrics)


def _find_rate(job: RankJob, store: Store, world: World, feed: Feed) -> float | None:
    """Run the learning-rate finder, if configured, and write its curve for the driver.

    Returns:
        The rate to train with; None where the configured one stays.
    """
    config = job.train.find_learning_rate
    if config is None:
        return None
    each_step = job.train.optimizer.model_copy(update={"backward_passes_per_step": 1})
    plain = job.train.model_copy(update={"schedule": ScheduleConfig(), "optimizer": each_step})
    runner = _step_runner(job.model_copy(update={"train": plain}), store, world, feed.plan.steps, config.lowest)
    curve = find_rate(runner, replace(feed, steps_per_block=1), config)
    if world.rank == 0:
        write_curve(job.open_scratch(), curve)
    keras.backend.clear_session()  # or the variables of the next network would have other names
    return curve.chosen if config.apply else None


def _resume(checkpoint: Checkpoint, runner: StepRunner, steps: int, job: RankJob) -> TrainingProgress:
    """Restore a runner's state from a checkpoint, and return the progress.

    Raises:
        ConfigError: the checkpoint belongs to another network or optimizer.
    """
    state, fresh = state_of_rank(checkpoint, runner.world), runner.state()
    progress = resumed_progress(checkpoint, steps)
    check_fits(state, fresh, str(job.checkpoints))
    # An interrupted validation restarts, and so does an epoch whose number of steps has changed.
    restarted = OF_EPOCH if progress.step == 0 else OF_VALIDATION
    state |= {name: array for name, array in fresh.items() if name.startswith(restarted)}
    runner.restore(state)
    return progress


def _save(network: keras.Model, job: RankJob, store: Store, decision: DecisionRule) -> None:
    """Write the model to a local folder, which is all that Keras and TensorFlow can do, and copy it to the scratch."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = build_serving_model(network, store.features, decision)
        model.save(folder / MODEL)
        if "saved_model" in job.formats:
            _export(model, store, folder / SAVED_MODEL)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            parts = path.relative_to(folder).parts
            files.write_bytes(job.open_scratch().child(BUNDLE, *parts), path.read_bytes())


def _export(model: keras.Model, store: Store, folder: Path) -> None:
    """Export a SavedModel. A failure is logged: a model that took long to train is better published without it."""
    try:
        write_saved_model(model, store.features, folder)
    except Exception as error:
        logger.warning("The model is published without its SavedModel. %s", error)
        shutil.rmtree(folder, ignore_errors=True)
