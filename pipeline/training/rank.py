"""A training run on one rank: its feeds, its network, the checkpoint it resumes from, its epochs, the saved model."""

from __future__ import annotations

import logging
import math
import time
from contextlib import closing

import keras

from pipeline.feed.cache import open_cache
from pipeline.feed.dataset import BlockReader
from pipeline.schemas.decision import DecisionRule
from pipeline.training.callbacks import Callbacks
from pipeline.training.checkpoints.format import Checkpoint
from pipeline.training.checkpoints.policy import CheckpointPolicy
from pipeline.training.checkpoints.ranks import OF_EPOCH, OF_VALIDATION, check_fits, find_checkpoint, state_of_rank
from pipeline.training.checkpoints.writer import open_writer
from pipeline.training.decision import fit_decision
from pipeline.training.early_stopping import EarlyStopping
from pipeline.training.execution import choose_steps
from pipeline.training.follow_up import run_follow_up
from pipeline.training.job import RankJob, RankResult
from pipeline.training.kept_runner import lease_runner
from pipeline.training.loop import Loop
from pipeline.training.progress import TrainingProgress, resumed_progress
from pipeline.training.rank_model import weights_digest, write_model
from pipeline.training.rank_setup import choose_rate, open_feeds
from pipeline.training.reduce_lr_on_plateau import ReduceLROnPlateau
from pipeline.training.step_runner import StepRunner
from pipeline.training.tensorboard import open_board
from pipeline.training.world import World

logger = logging.getLogger(__name__)


def train_rank(job: RankJob, world: World) -> RankResult:
    """Train to the end, or until a stop is requested; resumes from the latest checkpoint, if there is one.

    Rank 0 writes the records of epochs and the model into the job's scratch folder. The calls below that involve the
    world (`find_checkpoint`, `choose_rate`, `lease_runner`, `choose_steps`, the loop, `fit_decision`, `run_follow_up`)
    run collectives: their order is the same on every rank, whatever a rank finds on its own disk or clock.
    """
    keras.backend.clear_session()
    store = job.open_store()
    generation, checkpoint = find_checkpoint(job, world)
    with closing(open_cache(job.train.cache, job.train.cache_bytes)) as cache:
        training, validation = open_feeds(job, store, world, cache)
        rate = checkpoint.head.learning_rate if checkpoint else choose_rate(job, store, world, training)
        lease = lease_runner(job, store, world, training.plan.steps, rate=rate or job.train.optimizer.learning_rate)
        runner = lease.runner
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
        write_model(runner.network, job, store, decision)
    if finished and job.follow_up is not None:
        run_follow_up(job.follow_up, runner.network, decision, world)
    if finished:
        lease.keep()
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
        exchange=world.exchange,
    )


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
