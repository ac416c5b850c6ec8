"""The results of prepare, train and evaluate, and of the main job, which has all of them."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document
from pipeline.tracking.tracker import Upload
from pipeline.training.records import EpochRecord


class PrepareResult(Document):
    """A published store.

    Attributes:
        store: its URI.
        store_id: its id, derived from the source and the configuration.
        rows: the rows of each split, and `quarantined`; and `left_out`, if a filter or the split may leave rows out.
        reused: whether it existed already.
        seconds: the duration of the stage.
        run_id: the tracked run, if any.
    """

    store: str
    store_id: str
    rows: Mapping[str, int]
    reused: bool
    seconds: float = 0.0
    run_id: str | None = None


class TrainResult(Document):
    """A published model.

    Attributes:
        model: URI of its file.
        model_id: its id, derived from the store and the configuration.
        store_id: the store that it was trained on.
        weights: SHA-256 over its weights; equal only for bit-identical networks.
        epochs: the number of epochs that were trained.
        best_epoch: the epoch whose weights were kept, counted from 1.
        metrics: the metrics of that epoch.
        history: the records of all epochs.
        rows_per_second: over all ranks and the epochs after the first, which also compiles.
        input_bound_percent: percentage of the training time in which the model waited for rows.
        workers: the number of ranks.
        seconds: the duration of the stage.
        run_id: the tracked run, if any.
        upload: whether the tracking server has the model; None if nothing is tracked.
    """

    model: str
    model_id: str
    store_id: str
    weights: str
    epochs: int
    best_epoch: int
    metrics: Mapping[str, float]
    history: tuple[EpochRecord, ...]
    rows_per_second: float
    input_bound_percent: float
    workers: int
    seconds: float = 0.0
    run_id: str | None = None
    upload: Upload | None = None


class EvaluateResult(Document):
    """Metrics of the whole test split.

    Attributes:
        rows: the number of test rows.
        metrics: the metrics of the model; None where these rows do not define one.
        intervals: the bounds of the 95 % interval, by metric.
        baselines: the same metrics of simple models on the same rows: `mean` or `majority`, and `linear`.
        confusion: numbers of rows by actual class (first axis) and predicted class, for a classification.
        classes: the names of the classes.
        seconds: the duration of the stage.
        run_id: the tracked run, if any.
    """

    rows: int
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]] = {}
    baselines: Mapping[str, Mapping[str, float | None]] = {}
    confusion: tuple[tuple[int, ...], ...] | None = None
    classes: tuple[str, ...] = ()
    seconds: float = 0.0
    run_id: str | None = None


class RunResult(Document):
    """The main job: prepare, train and evaluate, in one tracked run.

    Attributes:
        prepare: the store.
        train: the model.
        evaluate: its test metrics.
        seconds: the duration of the job.
        run_id: the tracked run, if any.
        upload: whether the tracking server has the model, at the end of the job; None if nothing is tracked.
    """

    prepare: PrepareResult
    train: TrainResult
    evaluate: EvaluateResult
    seconds: float = 0.0
    run_id: str | None = None
    upload: Upload | None = None


class UploadResult(Document):
    """What was sent to the tracking server of what earlier jobs left.

    Attributes:
        sent: the number of runs that are complete now.
        pending: the number of runs of which something is left.
        seconds: the duration of the job.
    """

    sent: int
    pending: int
    seconds: float = 0.0
