"""Two cross-validations over the same folds, compared fold by fold.

A hard fold is hard for both models, so differences by fold say more than two means with their intervals. Their mean is
tested by the corrected resampled t-test (Nadeau and Bengio, Inference for the generalization error, 2003; see
`corrected_mean`). The plain paired t-test assumes that folds are independent, and finds differences where there are
none, more often with more repeats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pipeline.errors import ConfigError, Problem, gather
from pipeline.evaluation.bootstrap_groups import LEVEL
from pipeline.evaluation.corrected_mean import corrected_mean
from pipeline.evaluation.folds import CrossvalReport, FoldScore, headlines_of, held_out_ratio
from pipeline.evaluation.metric_names import is_lower_better, metric_name
from pipeline.formatting import format_interval, format_number, format_p_value
from pipeline.schemas.document import Document
from pipeline.schemas.target import TaskName

Pairs = Sequence[tuple[FoldScore, FoldScore]]
Side = Literal["first", "second"]


class PairedMetric(Document):
    """A metric of two models on the same folds; differences are first less second.

    Attributes:
        metric: name of the metric.
        first: mean of the first model over the folds where both define it; None if there are none.
        second: mean of the second model over the same folds.
        differences: differences by fold, in the order of `Comparison.pairs`; None where one of the two is undefined.
        mean: mean of the differences.
        std: sample standard deviation of the differences; None for fewer than two.
        interval: 95 % interval of the mean, by the corrected variance; None where `std` is.
        p_value: two-sided p value of the corrected resampled t-test; None where `std` is. Of many metrics, one in
            twenty is below 0.05 by chance.
        wins: number of folds in which the first is better.
        ties: number of folds in which both are equal.
        losses: number of folds in which the second is better.
        better: which one is better by the mean; None if the mean is 0 or undefined.
    """

    metric: str
    first: float | None
    second: float | None
    differences: tuple[float | None, ...]
    mean: float | None
    std: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    wins: int
    ties: int
    losses: int
    better: Side | None

    @property
    def folds(self) -> int:
        """Number of folds where both define it."""
        return self.wins + self.ties + self.losses

    @property
    def is_certain(self) -> bool:
        """Whether the difference is significant at the 5 % level."""
        return self.p_value is not None and self.p_value < 1.0 - LEVEL


class Comparison(Document):
    """Two reports with the same folds.

    Attributes:
        task: task of both.
        label: label of both.
        names: names of the two, for people.
        folds: number of folds in one repeat.
        repeats: number of repeats.
        pairs: numbers of the folds that both have.
        metrics: the metrics that both have, by name.
        sentence: the result by the main metric, in words.
    """

    task: TaskName
    label: str
    names: tuple[str, str]
    folds: int
    repeats: int
    pairs: tuple[int, ...]
    metrics: Mapping[str, PairedMetric]
    sentence: str

    @property
    def headlines(self) -> tuple[str, ...]:
        """The headline metrics of the task, of those that both have."""
        return headlines_of(self.task, self.metrics)


def compare(
    first: CrossvalReport, second: CrossvalReport, *, names: tuple[str, str] = ("the first", "the second")
) -> Comparison:
    """Compare two cross-validations fold by fold, over the folds that both have.

    Args:
        first: one report.
        second: the other.
        names: names of the two, for people.

    Raises:
        ConfigError: their folds hold different rows, or they predict different labels.
    """
    check_comparable(first, second, names)
    others = {score.fold: score for score in second.scores}
    pairs = [(score, others[score.fold]) for score in first.scores if score.fold in others]
    both = [name for name in first.metrics if name in second.metrics]
    metrics = {name: _paired(name, pairs) for name in both}
    return Comparison(
        task=first.task,
        label=first.label,
        names=names,
        folds=first.folds,
        repeats=first.repeats,
        pairs=tuple(score.fold for score, _ in pairs),
        metrics=metrics,
        sentence=_sentence([metrics[name] for name in headlines_of(first.task, metrics)], names),
    )


def check_comparable(first: CrossvalReport, second: CrossvalReport, names: tuple[str, str]) -> None:
    """Check that two reports have the same folds and the same label; they need no scores yet.

    Raises:
        ConfigError: they are not.
    """
    problems = []
    if first.folds_id != second.folds_id:
        problems.append(
            Problem(
                f"The folds of {names[0]} and {names[1]} are not the same rows",
                "two cross-validations of one source with the same crossval section, data.key, data.group and seed",
                f"folds {first.folds_id} and {second.folds_id}",
                "Run one of them again with the folds of the other",
            )
        )
    if (first.task, first.label) != (second.task, second.label):
        problems.append(
            Problem(
                f"The labels of {names[0]} and {names[1]} differ",
                "the same label and task",
                f"'{first.label}' ({first.task}) and '{second.label}' ({second.task})",
                "Compare models of one label",
            )
        )
    if problems:
        raise ConfigError(gather("These two cross-validations cannot be compared", problems))


def _paired(metric: str, pairs: Pairs) -> PairedMetric:
    values = [(one.value(metric), other.value(metric)) for one, other in pairs]
    differences = [_difference(*pair) for pair in values]
    defined = [difference for difference in differences if difference is not None]
    defined_pairs = [pair for pair, difference in zip(pairs, differences, strict=True) if difference is not None]
    summary = corrected_mean(defined, held_out_ratio(score for pair in defined_pairs for score in pair))
    gains = [-difference if is_lower_better(metric) else difference for difference in defined]
    wins, losses = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    return PairedMetric(
        metric=metric,
        first=_mean_of(metric, [one for one, _ in defined_pairs]),
        second=_mean_of(metric, [other for _, other in defined_pairs]),
        differences=tuple(differences),
        mean=summary.mean,
        std=summary.deviation,
        interval=summary.interval,
        p_value=summary.p_value,
        wins=wins,
        ties=len(defined) - wins - losses,
        losses=losses,
        better=_better(metric, summary.mean),
    )


def _difference(first: float | None, second: float | None) -> float | None:
    """First less second; None where one is undefined, or both are infinite."""
    if first is None or second is None:
        return None
    difference = first - second
    return None if math.isnan(difference) else difference


def _mean_of(metric: str, scores: Sequence[FoldScore]) -> float | None:
    return corrected_mean([value for score in scores if (value := score.value(metric)) is not None], 0.0).mean


def _better(metric: str, mean: float | None) -> Side | None:
    if not mean:
        return None
    return "first" if (mean < 0) == is_lower_better(metric) else "second"


def _sentence(metrics: Sequence[PairedMetric], names: tuple[str, str]) -> str:
    """The result by the first metric that is defined."""
    metric = next((metric for metric in metrics if metric.mean is not None), None)
    if metric is None or metric.mean is None:
        return "Nothing can be compared: no metric is defined for both in any fold."
    name, folds = metric_name(metric.metric), f"{metric.folds} fold{'' if metric.folds == 1 else 's'}"
    if metric.better is None:
        return f"By {name}, {names[0]} and {names[1]} are equal on average over {folds}."
    ahead, behind = names if metric.better == "first" else names[::-1]
    won = metric.wins if metric.better == "first" else metric.losses
    margin = format_number(abs(metric.mean))
    sentence = f"By {name}, {ahead} is better than {behind} in {won} of {folds}, by {margin} on average"
    if metric.interval is None or metric.p_value is None:
        return f"{sentence}. Whether that is chance cannot be determined."
    low, high = sorted(bound if metric.mean > 0 else -bound for bound in metric.interval)
    certainty = "more than chance" if metric.is_certain else "which may be chance"
    return f"{sentence} (95 % interval {format_interval((low, high))}, {format_p_value(metric.p_value)}): {certainty}."
