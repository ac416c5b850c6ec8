"""What the stages return, and what the jobs print."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document
from pipeline.training.records import EpochRecord


class PrepareResult(Document):
    """A published store.

    Attributes:
        store: its URI.
        store_id: its name, derived from the source and the configuration.
        rows: of each split, and `quarantined`; and `left_out`, where a filter or the split may leave rows out.
        reused: whether it was there already.
        seconds: that the stage took.
        run_id: of the tracked run, if any.
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
        model_id: its name, derived from the store and the configuration.
        store_id: what it was trained on.
        weights: SHA-256 over its weights; equal only for bit-identical networks.
        epochs: that were trained.
        best_epoch: whose weights were kept, counted from 1.
        metrics: of that epoch.
        history: of all epochs.
        rows_per_second: over all ranks, of the epochs after the first, which also compiles.
        input_bound_percent: share of the training time in which the model waited for rows.
        workers: ranks.
        seconds: that the stage took.
        run_id: of the tracked run, if any.
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


class EvaluateResult(Document):
    """Metrics of the whole test split.

    Attributes:
        rows: that were scored.
        metrics: of the model; None where undefined for these rows.
        intervals: by metric, the bounds of its 95 % interval.
        baselines: the same metrics of simple models on the same rows: `mean` or `majority`, and `linear`.
        confusion: rows by actual class (first axis) and predicted class, for a classification.
        classes: their names.
        seconds: that the stage took.
        run_id: of the tracked run, if any.
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
        seconds: that all took.
        run_id: of the tracked run, if any.
    """

    prepare: PrepareResult
    train: TrainResult
    evaluate: EvaluateResult
    seconds: float = 0.0
    run_id: str | None = None
