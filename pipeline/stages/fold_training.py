"""The training run of one fold, whose model is evaluated on the held-out rows and not kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from pipeline.config.run import RunConfig
from pipeline.evaluation.accumulator import Accumulator, accumulator_to_bytes
from pipeline.evaluation.folds import FoldScore
from pipeline.evaluation.measured_metrics import compute_metrics
from pipeline.evaluation.plot_window import PlotWindow
from pipeline.evaluation.predict import FOLLOW_UP, merged_accumulators
from pipeline.evaluation.predict_job import NETWORK, PredictJob
from pipeline.stages.context import Resources
from pipeline.stages.folds import ACCUMULATOR, DECISION, PREDICTIONS, SCORE, FoldResult
from pipeline.stages.train import check_training
from pipeline.stages.train_log import log_resumed
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.publish import Draft, draft, scratch
from pipeline.store.store import Store
from pipeline.training.job import FollowUp
from pipeline.training.records import EpochRecord
from pipeline.training.run import TrainingHooks, TrainingOutcome, run_training
from pipeline.training.spec import TrainingSpec
from pipeline.tuning.parallel import Stopper
from pipeline.tuning.space import Settings

HELD_OUT = "test"
"""The split of a fold's store that its model is evaluated on."""


def fold_spec(config: RunConfig, store: Store) -> TrainingSpec:
    """The training run of a fold, whose model is evaluated and not kept.

    Raises:
        ConfigError: the settings do not fit the label.
        DataError: the fold lacks rows that the training run needs.
    """
    check_training(store, config.train, config.evaluate)
    spec = TrainingSpec.of(config, store.manifest.store_id)
    settings = config.train.model_copy(update={"tensorboard": False})
    return replace(spec, train=settings, formats=(), saves=False, is_fold=True)


def run_fold(
    resources: Resources,
    spec: TrainingSpec,
    store: Store,
    result: FoldResult,
    *,
    window: PlotWindow,
    stopper: Stopper,
    on_epoch: Callable[[EpochRecord], None],
    settings: Settings | None = None,
) -> FoldScore:
    """Train a fold's model, evaluate it on the held-out rows, and publish the results; the model itself is not kept.

    Args:
        resources: the job's resources, with the tracked run of the fold.
        spec: the training run, see `fold_spec`.
        store: the store of the fold.
        result: where its results are published, once they are complete.
        window: the range of the axes of plots, the same for all folds, so that their counts add up.
        stopper: stops the training run when the job ends.
        on_epoch: called with each epoch's record.
        settings: the settings that a nested cross-validation chose for this fold.

    Raises:
        TrainError: the training run failed, or was stopped.
    """
    start = time.monotonic()
    hooks = TrainingHooks(
        on_epoch=on_epoch, on_resume=lambda head: log_resumed(resources, head), stoppable=stopper.registered
    )
    with scratch(resources.root) as work, draft(resources.root, result.folder, SCORE) as finished:
        job = _predict_job(resources.root, spec, window, work, finished)
        spec = replace(spec, follow_up=FollowUp(target=FOLLOW_UP, payload=job.to_json()))
        with run_training(resources.spark, resources.root, spec, hooks, always_on_spark=True) as outcome:
            outcome.require_finished(f"Fold {result.number}")
            if result.is_published:  # by another job meanwhile; in an object store its files would be overwritten
                return result.score()
            decision = outcome.result.decision
            accumulator = merged_accumulators(job.model_copy(update={"decision": decision}), store)[NETWORK]
            score = _score(
                result.number, store, outcome, accumulator, seconds=time.monotonic() - start, settings=settings or {}
            )
            files.write_bytes(finished.folder.child(ACCUMULATOR), accumulator_to_bytes(accumulator))
            files.write_bytes(finished.folder.child(DECISION), decision.to_json().encode())
            finished.publish(score.to_json().encode())
    return result.score()


def _predict_job(
    root: StoragePath, spec: TrainingSpec, window: PlotWindow, work: StoragePath, finished: Draft
) -> PredictJob:
    """What the ranks score after training; the decision rule is theirs."""
    return PredictJob(
        root=root.uri,
        name=spec.name,
        store_id=spec.store_id,
        split=HELD_OUT,
        scratch=work.uri,
        edges=tuple(window.edges.tolist()),
        log=window.log,
        predictions=finished.folder.child(PREDICTIONS).uri,
        unless=finished.target.child(finished.marker).uri,
    )


def _score(
    number: int, store: Store, outcome: TrainingOutcome, accumulator: Accumulator, *, seconds: float, settings: Settings
) -> FoldScore:
    result, history = outcome.result, outcome.history
    return FoldScore(
        fold=number,
        # A file that a bootstrap draws several times still has its rows once.
        train_rows=sum({file.path: file.rows for file in store.split("train").files}.values()),
        validation_rows=store.split("validation").rows,
        test_rows=accumulator.rows,
        metrics=compute_metrics(accumulator, with_intervals=False).metrics,
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        history={name: tuple(values) for name, values in history.values.items()},
        seconds=seconds,
        training_seconds=result.seconds,
        settings=settings,
    )
