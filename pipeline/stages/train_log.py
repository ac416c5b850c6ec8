"""What a training run reports: its epochs, learning curves, learning rates and decision rule."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pipeline.config.train import TrainConfig
from pipeline.formatting import counted
from pipeline.report.plots.curves import learning_curves
from pipeline.report.plots.rates import rate_curve
from pipeline.schemas.decision import DecisionRule
from pipeline.stages.context import Resources
from pipeline.stages.learning import findings_of
from pipeline.store.filesystem import StoragePath
from pipeline.store.store import Store
from pipeline.training.checkpoints.format import CheckpointHead
from pipeline.training.history import TrainingHistory
from pipeline.training.rate_curve import read_curve
from pipeline.training.records import EpochRecord
from pipeline.training.spec import TrainingSpec

logger = logging.getLogger(__name__)


class EpochLog:
    """Reports the epochs of a training run on the terminal and in the tracked run."""

    def __init__(self, resources: Resources, epochs: int) -> None:
        """`epochs` are planned."""
        self._resources, self._epochs, self._earlier = resources, epochs, 0

    def resume(self, head: CheckpointHead) -> None:
        """The run resumes from a checkpoint."""
        self._earlier = head.finished_epochs
        log_resumed(self._resources, head)

    def add(self, record: EpochRecord) -> None:
        """An epoch is over."""
        # A resumed run hands over earlier epochs once more: its tracked run may lack them.
        if record.epoch > self._earlier:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in record.metrics.items())
            speed = f"{record.rows_per_second:,.0f} rows/s"
            self._resources.progress.update(f"Epoch {record.epoch}/{self._epochs}: {shown}, {speed}")
        self._resources.tracker.log_metrics(tracked_names(record), step=record.epoch)


def log_resumed(resources: Resources, head: CheckpointHead) -> None:
    """Report the position from which a training run resumes, on the terminal and in the tracked run."""
    position = head.position()
    resources.progress.done(f"Resuming training from {position}")
    resources.tracker.set_tags({"resumed_from": position})


def log_trained(resources: Resources, train: TrainConfig, epochs: int, best: int) -> None:
    """Report how many epochs there were, and whether they ended early."""
    stopping, reason = train.early_stopping, ""
    if stopping is not None and epochs < train.epochs and epochs - best >= stopping.patience:
        without = counted(stopping.patience, "epoch")
        reason = f"; training ended early, after {without} without improvement (train.early_stopping)"
    resources.progress.done(f"Trained {counted(epochs, 'epoch')}; epoch {best} was the best{reason}")


def tracked_values(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics of an epoch under their tracked names: `train/loss`, `validation/loss`, ..."""
    return {
        f"validation/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}": value
        for name, value in metrics.items()
    }


def tracked_names(record: EpochRecord) -> dict[str, float]:
    """The metrics of a record, with its speed, under their tracked names."""
    return tracked_values(record.metrics) | {
        "train/rows_per_second": record.rows_per_second,
        "train/input_bound_percent": record.input_bound_percent,
    }


def log_curves(resources: Resources, spec: TrainingSpec, store: Store, history: TrainingHistory) -> None:
    """Log the learning curves with their diagnosis."""
    best = history.best_epoch
    findings = findings_of(spec, store, history.values, best)
    for finding in findings:
        resources.progress.done(finding.sentence)
    resources.tracker.set_tags({"diagnosis": ", ".join(finding.kind for finding in findings)})
    title = f"{spec.name}: learning curves"
    figure = learning_curves(history.values, title=title, best_epoch=best, findings=findings)
    resources.tracker.log_figure(figure, "plots/learning_curves.png")
    resources.tracker.log_metrics({"train/best_epoch": float(best)})


def log_rates(resources: Resources, name: str, work: StoragePath) -> None:
    """Log the curve of the learning-rate finder, where it ran."""
    curve = read_curve(work)
    if curve is None:
        return
    title = f"{name}: learning-rate finder"
    figure = rate_curve(curve.rates, curve.losses, curve.smoothed, chosen=curve.chosen, title=title)
    resources.tracker.log_figure(figure, "plots/learning_rate_finder.png")
    resources.tracker.log_metrics({"train/found_learning_rate": curve.chosen})
    resources.progress.done(f"The loss falls fastest at a learning rate of {curve.chosen:.2g}")


def log_decision(resources: Resources, decision: DecisionRule) -> None:
    """Log the calibration and the threshold, if they were fitted on validation rows."""
    if decision.remark:
        logger.warning("%s", decision.remark)
    if decision.rows:
        fitted = f"calibration {decision.calibration.kind}, threshold {decision.threshold:.4g}"
        resources.progress.done(f"Fitted on {counted(decision.rows, 'validation row')}: {fitted}")
        resources.tracker.set_tags({"calibration": decision.calibration.kind, "threshold": f"{decision.threshold:.6g}"})
