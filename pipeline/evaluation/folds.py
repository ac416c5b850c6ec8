"""What the folds of a cross-validation tell together."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Self

from pydantic import model_validator

from pipeline.config.split import FoldMethod
from pipeline.evaluation.corrected_mean import CorrectedMean, corrected_mean
from pipeline.evaluation.metric_names import Metrics, limits_of, metric_name
from pipeline.schemas.document import Document
from pipeline.schemas.target import TARGETS, TaskName


class FoldScore(Document):
    """One fold: a model, and what it reached on rows that it was not trained on.

    Attributes:
        fold: its number, counted from 0 through all repeats.
        train_rows: that the model was trained on, each counted once.
        validation_rows: kept from training to choose the epoch.
        test_rows: the held-out ones, which `metrics` are of.
        metrics: of the held-out rows; None where these rows do not define one.
        epochs: that were trained.
        best_epoch: whose weights were kept, counted from 1.
        history: values by epoch, keyed as Keras does: `loss`, `val_loss`.
        seconds: that it took.
        training_seconds: of these, from the first step of its training to the last one, validations included.
        settings: that were chosen for it, by name, where a search within its training rows did so.
    """

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
        """Of a metric; None where it is not defined, NaN included."""
        value = self.metrics.get(metric)
        return None if value is None or math.isnan(value) else value


class CrossvalReport(Document):
    """A cross-validation; `summarize` fills in what follows from the scores.

    An interval is where the expected metric of a model lies that is trained on as many rows as the folds' models are,
    by the corrected variance of `corrected_mean`, whatever the division:

    - `hash`, `stratified`, `group` and `leave_one_group_out`, repeated or not: n_test / n_train is 1 / (k - 1).
    - `bootstrap`: the out-of-bag rows are 0.58 times as many as the different rows that were drawn. This is the case
      that the correction was derived for, random subsets drawn again and again, and it holds from few folds on. A
      percentile interval of the folds' scores is not told: it describes one fold and not the mean of all, is too short
      for few folds, and no better for many.
    - `time`: held-out periods do not overlap, but training periods do, and neighbouring periods are alike, so the
      correction is needed here as well. Where errors change from period to period in the long run, an interval of
      their mean says little about the next period.

    The ratio is that of all folds together: with groups or periods of different sizes it differs from fold to fold.

    Attributes:
        task: the name of a target.
        label: the label's name.
        method: how rows were divided.
        folds: of one repeat.
        repeats: of the division.
        scores: by fold, ascending.
        mean: by metric, over the folds that define it; None where none does.
        std: by metric, the deviation of the sample of folds; None of fewer than two.
        intervals: by metric, of the mean, 95 %; a metric without one is not there.
        pooled: metrics over the held-out rows of all folds together.
        pooled_intervals: of these, as an evaluation tells them.
        rows: that were divided.
        folds_id: tells the division and the source: the folds of two reports are the same only where it is equal.
        notes: what could not be told, and why.
    """

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
        """Folds of all repeats together, also those without a score."""
        return self.folds * self.repeats

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics, in the order of the scores."""
        return tuple(dict.fromkeys(name for score in self.scores for name in score.metrics))

    @property
    def headlines(self) -> tuple[str, ...]:
        """The metrics that a reader wants first, of those that are there."""
        return headlines_of(self.task, self.metrics)


def summarize(report: CrossvalReport) -> CrossvalReport:
    """The report with mean, deviation and interval of each metric, and notes on what is missing."""
    means = {name: _mean_over_folds(report.scores, name) for name in report.metrics}
    summary = {
        "mean": {name: mean.mean for name, mean in means.items()},
        "std": {name: mean.deviation for name, mean in means.items()},
        "intervals": {name: interval for name, mean in means.items() if (interval := _clipped(name, mean.interval))},
        "notes": tuple(dict.fromkeys([*report.notes, *_notes(report, means)])),
    }
    return report.model_copy(update=summary)


def held_out_ratio(scores: Iterable[FoldScore]) -> float:
    """Held-out rows over training rows, of all folds together; 0 without training rows.

    Rows that choose the epoch count as neither, which makes intervals a little wider.
    """
    counted = list(scores)
    trained = sum(score.train_rows for score in counted)
    return sum(score.test_rows for score in counted) / trained if trained else 0.0


def headlines_of(task: str, metrics: Container[str]) -> tuple[str, ...]:
    """The metrics that a reader of a task wants first, of those that are there."""
    return tuple(name for name in TARGETS.get(task).headlines if name in metrics)


def _mean_over_folds(scores: Sequence[FoldScore], metric: str) -> CorrectedMean:
    defined = [(score, value) for score in scores if (value := score.value(metric)) is not None]
    return corrected_mean([value for _, value in defined], held_out_ratio(score for score, _ in defined))


def _clipped(metric: str, interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """An interval no further than the metric can reach."""
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
