"""Train: from a published store to a published model."""

from __future__ import annotations

import logging
import time

from pyspark.sql import SparkSession

from pipeline.config.evaluate import EvaluateConfig
from pipeline.config.run import RunConfig
from pipeline.config.train import TrainConfig
from pipeline.errors import DataError
from pipeline.evaluation.measured_metrics import check_further
from pipeline.model.class_weights import class_weights_of
from pipeline.model.decision import check_decision
from pipeline.model.losses import loss_of
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.runtime.progress import Progress
from pipeline.runtime.signals import stopping_gracefully
from pipeline.stages.context import Resources, open_stage, tracked
from pipeline.stages.prepare import prepare_store
from pipeline.stages.results.run import TrainResult
from pipeline.stages.train_log import EpochLog, log_curves, log_decision, log_rates, log_trained
from pipeline.store.bundle import write_bundle
from pipeline.store.layout import BUNDLE, model_folder
from pipeline.store.model import ModelCard, PublishedModel, hashes_of, publish_model
from pipeline.store.store import Store
from pipeline.store.versions import library_versions
from pipeline.tracking.params import config_text, run_params
from pipeline.training.history import TrainingHistory, write_history
from pipeline.training.job import DecisionConfig
from pipeline.training.resource_usage import ResourceUsage
from pipeline.training.run import TrainingHooks, TrainingOutcome, run_training
from pipeline.training.spec import TrainingSpec

logger = logging.getLogger(__name__)


def train(config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None) -> TrainResult:
    """Train the model that a configuration describes; its store is prepared where it is missing.

    Args:
        config: the experiment.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        PipelineError: see `errors`; nothing is published then, and an earlier model is kept.
    """
    workers = config.train.workers
    with (
        open_stage(config, "train", spark=spark, progress=progress, workers=workers) as opened,
        tracked(opened, config) as resources,
    ):
        store, _ = prepare_store(resources, StoreSpec.of(config), config.drift)
        result = train_model(resources, config, store)
    return result.model_copy(update={"upload": resources.tracker.upload})  # which the end of the run may have changed


def train_model(resources: Resources, config: RunConfig, store: Store) -> TrainResult:
    """Train and publish a model within an open job, and record the training run.

    Args:
        resources: the job's resources.
        config: the whole experiment, which is published with the model.
        store: the store to train on.
    """
    start = time.monotonic()
    check_training(store, config.train, config.evaluate)
    rows = {f"rows.{name}": split.rows for name, split in store.manifest.splits.items()}
    resources.tracker.log_params(run_params(config) | rows)
    resources.tracker.set_tags({"store_id": store.manifest.store_id})
    spec = TrainingSpec.of(config, store.manifest.store_id)
    with run_training(resources.spark, resources.root, spec, _hooks(resources, spec.train.epochs)) as outcome:
        outcome.require_finished("Training")
        model = _publish(resources, store, spec, outcome, config_text(config))
        log_rates(resources, spec.name, outcome.folder)
    result, history = outcome.result, outcome.history
    log_trained(resources, spec.train, result.epochs, result.best_epoch)
    log_decision(resources, result.decision)
    log_curves(resources, spec, store, history)
    if config.track.enabled:
        resources.progress.update("Logging the model")
    resources.tracker.log_model(model.file, store.features)
    return _result(model, history, seconds=time.monotonic() - start, run_id=resources.tracker.run_id)


def _hooks(resources: Resources, epochs: int) -> TrainingHooks:
    """Show and track each epoch and the use of resources; at a signal, let the ranks finish their steps."""
    log = EpochLog(resources, epochs)
    return TrainingHooks(
        on_epoch=log.add,
        on_heartbeats=ResourceUsage(lambda metrics, sample: resources.tracker.log_metrics(metrics, step=sample)),
        on_resume=log.resume,
        stoppable=stopping_gracefully,
    )


def check_training(store: Store, train: TrainConfig, evaluate: EvaluateConfig) -> None:
    """Check that the settings of a training run fit its store.

    Raises:
        ConfigError: the settings do not fit the label.
        DataError: the store lacks rows that the training run needs.
    """
    loss_of(store.features.label, train.loss)
    class_weights_of(store.features.label, train.class_weights)
    check_decision(store.features.label, evaluate)
    check_further(evaluate.metrics, classes=bool(store.features.label.classes))
    if not store.split("validation").rows and DecisionConfig.of(evaluate).needs_rows:
        raise DataError(
            f"Store {store.path} has no validation rows, which evaluate.calibration and a goal of "
            "evaluate.threshold are fitted on. Set split.fractions.validation above 0, or remove these settings."
        )
    if not store.split("train").rows:
        raise DataError(f"Store {store.path} has no training rows. Check split.fractions and the source.")


def _publish(
    resources: Resources, store: Store, spec: TrainingSpec, outcome: TrainingOutcome, config: str
) -> PublishedModel:
    """Publish the model with the YAML text of its configuration."""
    finished, result, history = outcome.folder.child(BUNDLE), outcome.result, outcome.history
    write_bundle(finished, store, config)
    write_history(finished, history)
    card = ModelCard(
        name=spec.name,
        model_id=spec.model_id,
        store_id=spec.store_id,
        run_id=resources.tracker.run_id,
        files=hashes_of(finished),
        weights=result.weights,
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        metrics=history.epochs[result.best_epoch - 1].metrics,
        decision=result.decision,
        versions=library_versions(),
    )
    return publish_model(finished, model_folder(resources.root, spec.name, spec.model_id), card)


def _result(model: PublishedModel, history: TrainingHistory, *, seconds: float, run_id: str | None) -> TrainResult:
    return TrainResult(
        model=model.file.uri,
        model_id=model.card.model_id,
        store_id=model.card.store_id,
        weights=model.card.weights,
        epochs=model.card.epochs,
        best_epoch=model.card.best_epoch,
        metrics=model.card.metrics,
        history=history.epochs,
        rows_per_second=history.rows_per_second,
        input_bound_percent=history.input_bound_percent,
        workers=history.workers,
        seconds=seconds,
        run_id=run_id,
    )
