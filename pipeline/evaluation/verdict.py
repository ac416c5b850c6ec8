"""An evaluation in one or two sentences: whether the model is worth more than simple ones on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.evaluation.names import is_lower_better, metric_name
from pipeline.evaluation.report import EvalReport
from pipeline.formatting import format_interval, format_number

SIMPLE = {
    "linear": "a linear model on the same features",
    "mean": "always predicting the mean of the training rows",
    "majority": "always predicting the shares of the training rows",
}


Grade = Literal["good", "fair", "bad", "open"]
HOW = {"good": "Better", "fair": "About as good", "bad": "Worse"}
JOIN = {"good": "than", "fair": "as", "bad": "than"}


@dataclass(frozen=True)
class Verdict:
    """What a reader should know first.

    Attributes:
        grade: `good` is better than all simple models by more than chance, `fair` about as good, `bad` worse than one
            of them, `open` where nothing can be said.
        sentence: why, with the figures.
    """

    grade: Grade
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
    metric = report.target.main_metric
    value = report.metrics.get(metric)
    known = {name: found for name, metrics in report.baselines.items() if (found := metrics.get(metric)) is not None}
    if value is None or not known:
        return Verdict("open", "There is no simple model to compare with (evaluate.baseline).")
    rival = min(known, key=lambda name: known[name])
    return _against(report, rival, value, known[rival])


def _against(report: EvalReport, rival: str, value: float, other: float) -> Verdict:
    main, second = report.target.main_metric, report.target.second
    grade, said = _compare(report, rival, main, value, other)
    mine, its = report.metrics.get(second), report.baselines[rival].get(second)
    also = ""
    if mine is not None and its is not None:
        another, figures = _compare(report, rival, second, mine, its)
        also = f" By {figures} it is {HOW[another].lower()}." if another != grade else ""
    remedy = " Look at the training and at the features before using it." if grade == "bad" else ""
    return Verdict(grade, f"{HOW[grade]} {JOIN[grade]} {SIMPLE.get(rival, rival)}: {said}.{also}{remedy}")


def _compare(report: EvalReport, rival: str, metric: str, mine: float, other: float) -> tuple[Grade, str]:
    """How the model compares by one metric, and its figures; what lies within the interval is chance."""
    low, high = report.intervals.get(metric, (mine, mine))
    within = f" (95 % interval {format_interval((low, high))})" if metric in report.intervals else ""
    said = f"{metric_name(metric)} {format_number(mine)}{within} against {format_number(other)}"
    if low <= other <= high:
        return "fair", said
    return ("good" if (mine < other) == is_lower_better(metric) else "bad"), said
