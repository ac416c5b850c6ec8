"""Train: from a published store to a published model."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.contract.decision import Decision
from pipeline.contract.document import fingerprint
from pipeline.errors import DataError, TrainError
from pipeline.model.class_weights import class_weights_of
from pipeline.model.decision import check_decision
from pipeline.model.losses import loss_of
from pipeline.report.plots.curves import learning_curves
from pipeline.report.plots.rates import rate_curve
from pipeline.runtime.cancel import cancelling
from pipeline.runtime.progress import Progress
from pipeline.runtime.signals import stopping_gently
from pipeline.stages.context import StageContext, open_stage, tracked
from pipeline.stages.learning import findings_of
from pipeline.stages.prepare import prepare_store
from pipeline.stages.results import TrainResult
from pipeline.store.bundle import write_bundle
from pipeline.store.filesystem import Root
from pipeline.store.layout import BUNDLE, model_place, tensorboard_folder
from pipeline.store.model import ModelCard, PublishedModel, hashes_of, publish_model
from pipeline.store.publish import scratch
from pipeline.store.store import Store
from pipeline.store.versions import library_versions
from pipeline.track.params import config_text, run_params
from pipeline.train.history import TrainingHistory, write_history
from pipeline.train.job import Deciding, RankJob, RankResult, shaping_settings
from pipeline.train.launch import launch_training
from pipeline.train.rates import read_curve
from pipeline.train.records import EpochRecord, request_stop
from pipeline.train.resume import open_checkpoints
from pipeline.train.usage import Usage

logger = logging.getLogger(__name__)

MODEL_ID_LENGTH = 16


def train(config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None) -> TrainResult:
    """Train the model that a configuration describes; its store is prepared where it is missing.

    Args:
        config: the experiment.
        spark: a session to work in; None opens one, or takes the live one.
        progress: where to show it; None means standard error.

    Raises:
        PipelineError: see `errors`; nothing is published then, and an earlier model stays.
    """
    workers = config.train.workers
    with (
        open_stage(config, "train", spark=spark, progress=progress, workers=workers) as opened,
        tracked(opened) as stage,
    ):
        store, _ = prepare_store(stage)
        return train_model(stage, store)


def train_model(stage: StageContext, store: Store) -> TrainResult:
    """The training itself, within an open job."""
    start = time.monotonic()
    config = stage.config
    check_training(config, store)
    stage.tracker.log_params(run_params(config) | _rows(store))
    stage.tracker.set_tags({"store_id": store.manifest.store_id})
    with scratch(stage.root) as work, cancelling(stage.spark), stopping_gently(lambda: request_stop(work)):
        job = rank_job(stage, store, work)
        usage = Usage(lambda metrics, sample: stage.tracker.log_metrics(metrics, step=sample))
        result, records = launch_training(stage.spark, job, lambda record: _show(stage, record), usage)
        if result.stopped:
            raise TrainError(f"The training was told to stop after {result.epochs} epochs. Run the same command again.")
        history = TrainingHistory(epochs=tuple(records), best_epoch=result.best_epoch, workers=config.train.workers)
        model = _publish(stage, store, work, result, history)
        _log_rates(stage, work)
    job.drop_checkpoints()
    stage.progress.done(f"Trained {result.epochs} epochs; epoch {result.best_epoch} was the best")
    _tell(stage, result.decision)
    _log(stage, store, model, history)
    return _result(stage, model, history, time.monotonic() - start)


def model_id(config: RunConfig, store_id: str) -> str:
    """The model's name: changes with its store and with every setting that shapes it."""
    deciding = Deciding.of(config.evaluate).identity()
    shaping = shaping_settings(config.model, config.train, config.seed)
    return fingerprint([store_id, shaping, deciding])[:MODEL_ID_LENGTH]


def check_training(config: RunConfig, store: Store) -> None:
    """See that a store and a configuration go together.

    Raises:
        ConfigError: the settings do not fit the label.
        DataError: rows are missing that the training needs.
    """
    loss_of(store.features.label, config.train.loss)
    class_weights_of(store.features.label, config.train.class_weights)
    check_decision(store.features.label, config.evaluate)
    if not store.split("validation").rows and Deciding.of(config.evaluate).needs_rows:
        raise DataError(
            f"Store {store.place.path} has no validation rows, which evaluate.calibration and a goal of "
            "evaluate.threshold are fitted on. Set split.fractions.validation above 0, or remove these settings."
        )
    if not store.split("train").rows:
        raise DataError(f"Store {store.place.path} has no training rows. Check split.fractions and the source.")


def rank_job(stage: StageContext, store: Store, work: Root) -> RankJob:
    """The work of every rank; it goes on where an interrupted training of this experiment was."""
    config, store_id = stage.config, store.manifest.store_id
    identity = model_id(config, store_id)
    board = tensorboard_folder(stage.root, config.name, identity)
    job = RankJob(
        root=stage.root.uri,
        name=config.name,
        store_id=store_id,
        scratch=work.uri,
        tensorboard=board.uri if config.train.tensorboard else None,
        model=config.model,
        train=config.train,
        seed=config.seed,
        deciding=Deciding.of(config.evaluate),
        formats=config.export.formats,
    )
    if config.train.checkpoint is None:
        return job
    place, head = open_checkpoints(
        stage.root, config.name, identity, config=config.train.checkpoint, identity=job.identity()
    )
    if head is not None:
        stage.progress.done(f"Going on from {head.place()}, where this training was interrupted")
        stage.tracker.set_tags({"resumed_from": head.place()})
    return job.model_copy(update={"checkpoints": place.uri})


def _show(stage: StageContext, record: EpochRecord) -> None:
    """One epoch, on the terminal and in the tracked run."""
    shown = ", ".join(f"{name} {value:.4g}" for name, value in record.metrics.items())
    stage.progress.update(
        f"Epoch {record.epoch}/{stage.config.train.epochs}: {shown}, {record.rows_per_second:,.0f} rows/s"
    )
    stage.tracker.log_metrics(tracked_names(record), step=record.epoch)


def tracked_values(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics of an epoch as they are tracked: `train/loss`, `validation/loss`, ..."""
    return {
        f"validation/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}": value
        for name, value in metrics.items()
    }


def tracked_names(record: EpochRecord) -> dict[str, float]:
    """The same of a whole record."""
    return tracked_values(record.metrics) | {
        "train/rows_per_second": record.rows_per_second,
        "train/input_bound_percent": record.input_bound_percent,
    }


def _publish(
    stage: StageContext, store: Store, work: Root, result: RankResult, history: TrainingHistory
) -> PublishedModel:
    name, store_id = stage.config.name, store.manifest.store_id
    identity = model_id(stage.config, store_id)
    finished = work.within(BUNDLE)
    write_bundle(finished, store, config_text(stage.config))
    write_history(finished, history)
    card = ModelCard(
        name=name,
        model_id=identity,
        store_id=store_id,
        run_id=stage.tracker.run_id,
        files=hashes_of(finished),
        weights=result.weights,
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        metrics=history.epochs[result.best_epoch - 1].metrics,
        decision=result.decision,
        versions=library_versions(),
    )
    return publish_model(finished, model_place(stage.root, name, identity), card)


def _log(stage: StageContext, store: Store, model: PublishedModel, history: TrainingHistory) -> None:
    """Plots, the diagnosis and the model."""
    best = history.best_epoch
    findings = findings_of(stage.config, store, history.values, best)
    for finding in findings:
        stage.progress.done(finding.sentence)
    stage.tracker.set_tags({"diagnosis": ", ".join(finding.kind for finding in findings)})
    title = f"{stage.config.name}: learning curves"
    figure = learning_curves(history.values, title=title, best_epoch=best, findings=findings)
    stage.tracker.log_figure(figure, "plots/learning_curves.png")
    stage.tracker.log_metrics({"train/best_epoch": float(best)})
    stage.progress.update("Logging the model")
    stage.tracker.log_model(model.file, store.features)


def _log_rates(stage: StageContext, work: Root) -> None:
    """What the learning-rate finder saw, where it was asked for."""
    curve = read_curve(work)
    if curve is None:
        return
    title = f"{stage.config.name}: learning-rate finder"
    figure = rate_curve(curve.rates, curve.losses, curve.smoothed, chosen=curve.chosen, title=title)
    stage.tracker.log_figure(figure, "plots/learning_rate_finder.png")
    stage.tracker.log_metrics({"train/found_learning_rate": curve.chosen})
    stage.progress.done(f"The loss falls fastest at a learning rate of {curve.chosen:.2g}")


def _tell(stage: StageContext, decision: Decision) -> None:
    """What was fitted on validation rows, where anything was asked for."""
    if decision.remark:
        logger.warning("%s", decision.remark)
    if decision.rows:
        fitted = f"calibration {decision.calibration.kind}, threshold {decision.threshold:.4g}"
        stage.progress.done(f"Decided on {decision.rows:,} validation rows: {fitted}")
        stage.tracker.set_tags({"calibration": decision.calibration.kind, "threshold": f"{decision.threshold:.6g}"})


def _result(stage: StageContext, model: PublishedModel, history: TrainingHistory, seconds: float) -> TrainResult:
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
        run_id=stage.tracker.run_id,
    )


def _rows(store: Store) -> dict[str, int]:
    return {f"rows.{name}": split.rows for name, split in store.manifest.splits.items()}
