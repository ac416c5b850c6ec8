"""What the stages return, and what the jobs print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


class FrontTrial(Document):
    """A trial that no other one beats in all goals.

    Attributes:
        number: counted from 0.
        params: its settings by name.
        value: of the metric.
        further: the values of the other goals, by name.
        parameters: how many weights its network has.
    """

    number: int
    params: Mapping[str, Any]
    value: float
    further: Mapping[str, float] = {}
    parameters: int | None = None


class BestTrial(FrontTrial):
    """The best trial of a search, see `search.tolerance`.

    Attributes:
        run_id: of the tracked run in which it was trained again, evaluated and logged.
    """

    run_id: str | None


class SearchResult(Document):
    """A search, and its best trial trained and evaluated in full.

    Attributes:
        best: the best trial.
        front: the trials that no other one beats, the best by the metric first; empty where that is the only goal.
        trials: how many there were, earlier jobs' included.
        finished: that ran to their end.
        pruned: that were ended since they were behind.
        failed: that ended with an error.
        failures: how often each cause.
        train: the model of the best trial.
        evaluate: its test metrics.
        seconds: that the job took.
        run_id: of the tracked run, if any.
    """

    best: BestTrial
    front: tuple[FrontTrial, ...] = ()
    trials: int
    finished: int
    pruned: int
    failed: int
    failures: Mapping[str, int]
    train: TrainResult
    evaluate: EvaluateResult
    seconds: float = 0.0
    run_id: str | None = None


class CrossvalResult(Document):
    """What the folds of a cross-validation reached on their held-out rows.

    Attributes:
        id: of this cross-validation, by which a later one is compared with it.
        folds: metrics of each fold; None where its rows do not define one.
        mean: of each metric, over the folds that define it.
        std: their deviation, of the sample.
        intervals: by metric, the bounds of the mean's 95 % interval.
        pooled: metrics of all held-out rows together, where each row is held out once.
        rows: that were divided.
        predictions: URI of the folder of out-of-fold predictions.
        comparison: with the one of `crossval.compare_to`, in a sentence.
        seconds: that the job took.
        run_id: of the tracked run, if any.
    """

    id: str
    folds: tuple[Mapping[str, float | None], ...]
    mean: Mapping[str, float | None]
    std: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    pooled: Mapping[str, float | None]
    rows: int
    predictions: str
    comparison: str | None = None
    seconds: float = 0.0
    run_id: str | None = None


class WorstDrift(Document):
    """The column that differs most from the training rows.

    Attributes:
        column: its name, or that of the feature that is made of a text.
        psi: its population stability index.
        rows: that were compared.
    """

    column: str
    psi: float
    rows: int


class ScoreResult(Document):
    """A published output.

    Attributes:
        output: its URI.
        rows: that were scored.
        quarantined: rows that could not be.
        model_version: what the output's column of that name holds.
        drift: None where nothing was compared.
        rows_per_second: of reading, scoring and writing together.
        seconds: that the stage took.
        run_id: of the tracked run, if any.
    """

    output: str
    rows: int
    quarantined: int
    model_version: str
    drift: WorstDrift | None
    rows_per_second: float
    seconds: float = 0.0
    run_id: str | None = None
