"""The results of a cross-validation: each fold's score, and their summary."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Self

from pydantic import model_validator

from pipeline.config.split import FoldMethod
from pipeline.evaluation.corrected_mean import CorrectedMean, corrected_mean
from pipeline.evaluation.metric_names import Metrics, limits_of, metric_name
from pipeline.schemas.document import HashedDocument
from pipeline.schemas.target import TARGETS, TaskName


class FoldScore(HashedDocument):
    """One fold: its model's metrics on the rows that it was not trained on.

    Attributes:
        fold: number of the fold, counted from 0 through all repeats.
        train_rows: number of rows that the model was trained on, each counted once.
        validation_rows: number of rows kept from training to choose the epoch.
        test_rows: number of held-out rows.
        metrics: metrics on the held-out rows; None where these rows do not define one.
        epochs: number of epochs that were trained.
        best_epoch: the epoch whose weights were kept, counted from 1.
        history: values by epoch, keyed as Keras does: `loss`, `val_loss`.
        seconds: time that the fold took.
        training_seconds: time from the first training step to the last one, validations included.
        settings: settings that a search within its training rows chose for it, by name.
    """

    formats_without_hash = (None,)

    fold: int
    train_rows: int
    validation_rows: int = 0
    test_rows: int
    metrics: Metrics
    epochs: int = 0
    best_epoch: int = 0
    history: Mapping[str, tuple[float, ...]] = {}
    seconds: float = 0.0
    training_seconds: float = 0.0
    settings: Mapping[str, Any] = {}

    def value(self, metric: str) -> float | None:
        """The value of a metric; None if it is undefined or NaN."""
        value = self.metrics.get(metric)
        return None if value is None or math.isnan(value) else value


class CrossvalReport(HashedDocument):
    """A cross-validation; `summarize` fills in what follows from the scores.

    An interval is that of the expected metric of a model trained on as many rows as the folds' models, by the corrected
    variance of `corrected_mean`, whatever the method:

    - `hash`, `stratified`, `group` and `leave_one_group_out`, repeated or not: n_test / n_train is 1 / (k - 1).
    - `bootstrap`: there are 0.58 times as many out-of-bag rows as different rows that were drawn. The correction was
      derived for this case, repeated random subsets, and holds from few folds on. A percentile interval of the folds'
      scores is not given: it describes one fold and not the mean of all, is too short for few folds, and no better for
      many.
    - `time`: held-out periods do not overlap, but training periods do, and neighbouring periods are alike, so the
      correction is needed here as well. If errors drift from period to period, an interval of their mean says little
      about the next period.

    The ratio is that of all folds together, since groups or periods of different sizes make it differ between folds.

    Attributes:
        task: the name of a target.
        label: the label's name.
        method: how rows were assigned to folds.
        folds: number of folds in one repeat.
        repeats: number of repeats.
        scores: scores of the folds, ascending by fold.
        mean: mean by metric over the folds that define it; None if none does.
        std: sample standard deviation over folds by metric; None for fewer than two.
        intervals: 95 % intervals of the mean by metric; metrics without one are absent.
        pooled: metrics over the held-out rows of all folds together.
        pooled_intervals: bootstrap intervals of these, as in an evaluation.
        rows: number of rows that were divided into folds.
        folds_id: id of the fold assignment and the source; two reports have the same folds only if it is equal.
        notes: what could not be measured, and why.
    """

    formats_without_hash = (None,)

    task: TaskName
    label: str = ""
    method: FoldMethod = "hash"
    folds: int
    repeats: int = 1
    scores: tuple[FoldScore, ...]
    mean: Mapping[str, float | None] = {}
    std: Mapping[str, float | None] = {}
    intervals: Mapping[str, tuple[float, float]] = {}
    pooled: Mapping[str, float | None] = {}
    pooled_intervals: Mapping[str, tuple[float, float]] = {}
    rows: int
    folds_id: str
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _each_fold_once(self) -> Self:
        numbers = [score.fold for score in self.scores]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"folds ascend, each once; received {numbers}")
        if numbers and not 0 <= numbers[0] <= numbers[-1] < self.count:
            raise ValueError(f"folds are numbered 0 to {self.count - 1}; received {numbers}")
        return self

    @property
    def count(self) -> int:
        """Number of folds in all repeats, including those without a score."""
        return self.folds * self.repeats

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics, in the order of the scores."""
        return tuple(dict.fromkeys(name for score in self.scores for name in score.metrics))

    @property
    def headlines(self) -> tuple[str, ...]:
        """The headline metrics of the task, of those that were measured."""
        return headlines_of(self.task, self.metrics)


def summarize(report: CrossvalReport) -> CrossvalReport:
    """Add mean, deviation and interval of each metric, and notes on what is missing, to a report."""
    means = {name: _mean_over_folds(report.scores, name) for name in report.metrics}
    summary = {
        "mean": {name: mean.mean for name, mean in means.items()},
        "std": {name: mean.deviation for name, mean in means.items()},
        "intervals": {name: interval for name, mean in means.items() if (interval := _clipped(name, mean.interval))},
        "notes": tuple(dict.fromkeys([*report.notes, *_notes(report, means)])),
    }
    return report.model_copy(update=summary)


def held_out_ratio(scores: Iterable[FoldScore]) -> float:
    """Held-out rows over training rows, for all folds together; 0 without training rows.

    Rows that choose the epoch count as neither, which makes intervals a little wider.
    """
    counted = list(scores)
    trained = sum(score.train_rows for score in counted)
    return sum(score.test_rows for score in counted) / trained if trained else 0.0


def headlines_of(task: str, metrics: Container[str]) -> tuple[str, ...]:
    """The headline metrics of a task, of those in `metrics`."""
    return tuple(name for name in TARGETS.get(task).headlines if name in metrics)


def _mean_over_folds(scores: Sequence[FoldScore], metric: str) -> CorrectedMean:
    defined = [(score, value) for score in scores if (value := score.value(metric)) is not None]
    return corrected_mean([value for _, value in defined], held_out_ratio(score for score, _ in defined))


def _clipped(metric: str, interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """An interval, clipped to the range of its metric."""
    if interval is None:
        return None
    low, high = limits_of(metric)
    return max(interval[0], low), min(interval[1], high)


def _notes(report: CrossvalReport, means: Mapping[str, CorrectedMean]) -> list[str]:
    missing = report.count - len(report.scores)
    notes = [f"{missing} of {report.count} folds have no score."] if missing else []
    for name, mean in means.items():
        undefined = len(report.scores) - mean.count
        if undefined:
            rest = "its mean is that of the others" if mean.count else "it has no mean"
            notes.append(f"{metric_name(name)} is not defined in {undefined} of {len(report.scores)} folds; {rest}.")
    return notes
