"""An evaluation in one or two sentences: whether the model is worth more than simple ones on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.contract.label import Task
from pipeline.evaluate.names import LOWER_IS_BETTER, metric_name
from pipeline.evaluate.report import EvalReport

MAIN = {Task.REGRESSION: "rmse", Task.BINARY: "log_loss", Task.MULTICLASS: "log_loss"}
"""The metric that decides; lower is better."""
SECOND = {Task.REGRESSION: "mae", Task.BINARY: "auc", Task.MULTICLASS: "accuracy"}
SIMPLE = {
    "linear": "a linear model on the same features",
    "mean": "always predicting the mean of the training rows",
    "majority": "always predicting the shares of the training rows",
}


@dataclass(frozen=True)
class Verdict:
    """What a reader should know first.

    Attributes:
        grade: `good` is better than all simple models by more than chance, `fair` about as good, `bad` worse than one
            of them, `open` where nothing can be said.
        sentence: why, with the figures.
    """

    grade: Literal["good", "fair", "bad", "open"]
    sentence: str


def judge(report: EvalReport) -> Verdict:
    """Compare the main metric with that of the best simple model; chance is what its interval says."""
    if not report.rows:
        return Verdict("open", "No rows were scored, so nothing can be said.")
    present = [entry for entry in report.classes if entry.rows]
    if report.classes and len(present) < 2:
        alone = present[0].name if present else ""
        return Verdict(
            "open", f"All rows are of one class, {alone}, so nothing can be said about telling classes apart."
        )
    metric = MAIN[report.task]
    value = report.metrics.get(metric)
    known = {name: found for name, metrics in report.baselines.items() if (found := metrics.get(metric)) is not None}
    if value is None or not known:
        return Verdict("open", "There is no simple model to compare with (evaluate.baseline).")
    rival = min(known, key=lambda name: known[name])
    return _against(report, rival, value, known[rival])


def _against(report: EvalReport, rival: str, value: float, other: float) -> Verdict:
    metric = MAIN[report.task]
    low, high = report.intervals.get(metric, (value, value))
    within = f" (95 % interval {figure(low)} to {figure(high)})" if metric in report.intervals else ""
    figures = f"{metric_name(metric)} {figure(value)}{within} against {figure(other)}"
    named = SIMPLE.get(rival, rival)
    if low <= other <= high and metric in report.intervals:
        return Verdict("fair", f"About as good as {named}: {figures}.{_second(report, rival)}")
    if value < other:
        return Verdict("good", f"Better than {named}: {figures}.{_second(report, rival)}")
    remedy = " Look at the training and at the features before using it."
    return Verdict("bad", f"Worse than {named}: {figures}.{_second(report, rival)}{remedy}")


def _second(report: EvalReport, rival: str) -> str:
    """Said only where another metric sees it the other way round."""
    main, metric = MAIN[report.task], SECOND[report.task]
    mine, other = report.metrics.get(metric), report.baselines[rival].get(metric)
    if mine is None or other is None or mine == other:
        return ""
    better = (mine < other) == (metric in LOWER_IS_BETTER)
    main_better = (report.metrics[main] or 0.0) < (report.baselines[rival][main] or 0.0)
    if better == main_better:
        return ""
    return f" By {metric_name(metric)} it is {'better' if better else 'worse'}: {figure(mine)} against {figure(other)}."


def figure(value: float) -> str:
    """Four digits, thousands grouped."""
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
