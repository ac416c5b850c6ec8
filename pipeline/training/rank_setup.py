"""The feeds, the network and the learning rate with which a rank starts to train."""

from __future__ import annotations

from dataclasses import replace

import keras

from pipeline.config.schedule import ScheduleConfig
from pipeline.feed.blocks import Feed, open_feed
from pipeline.feed.cache import Cache
from pipeline.feed.memory import Memory, Resources
from pipeline.model.class_weights import class_weights_of
from pipeline.model.head import build_head
from pipeline.model.network import build_network
from pipeline.store.store import Store
from pipeline.training.execution import most_steps
from pipeline.training.job import RankJob
from pipeline.training.optimizer import build_optimizer
from pipeline.training.precision import computing_in
from pipeline.training.rate_curve import write_curve
from pipeline.training.rate_finder import find_rate
from pipeline.training.schedule import build_schedule
from pipeline.training.step_runner import StepRunner
from pipeline.training.world import World

VALIDATION_BATCH = 4096
"""Rows of a global validation step. No gradient is taken, so it need not match the training batch."""


def open_feeds(job: RankJob, store: Store, world: World, cache: Cache) -> tuple[Feed, Feed]:
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


def build_network_of(job: RankJob, store: Store) -> keras.Model:
    """The network before the first step."""
    with computing_in(job.train.mixed_precision):
        return build_network(job.model, store.features, job.seed)


def assemble_runner(
    job: RankJob, store: Store, world: World, network: keras.Model, steps: int, rate: float
) -> StepRunner:
    """The network with its optimizer and metrics, before the first step.

    Args:
        job: the settings.
        store: the store to train on.
        world: the ranks.
        network: see `build_network_of`.
        steps: the number of steps of an epoch.
        rate: the learning rate, which a schedule reaches at its peak.
    """
    settings = job.train.optimizer.model_copy(update={"learning_rate": rate})
    schedule = build_schedule(
        job.train.schedule,
        peak=rate,
        epoch_steps=steps / settings.backward_passes_per_step,
        epochs=job.train.epochs,
    )
    head = build_head(store.features.label, job.train.loss)
    scales_loss = job.train.mixed_precision == "float16"
    optimizer = build_optimizer(settings, world, schedule, scales_loss=scales_loss)
    return StepRunner(network, head, optimizer, world, job.train.metrics)


def choose_rate(job: RankJob, store: Store, world: World, feed: Feed) -> float | None:
    """Run the learning-rate finder, if configured, and write its curve for the driver.

    Returns:
        The rate to train with; None where the configured one stays.
    """
    config = job.train.find_learning_rate
    if config is None:
        return None
    each_step = job.train.optimizer.model_copy(update={"backward_passes_per_step": 1})
    plain = job.train.model_copy(update={"schedule": ScheduleConfig(), "optimizer": each_step})
    plain_job = job.model_copy(update={"train": plain})
    network = build_network_of(plain_job, store)
    runner = assemble_runner(plain_job, store, world, network, feed.plan.steps, config.lowest)
    curve = find_rate(runner, replace(feed, steps_per_block=1), config)
    if world.rank == 0:
        write_curve(job.open_scratch(), curve)
    keras.backend.clear_session()  # or the variables of the next network would have other names
    return curve.chosen if config.apply else None
