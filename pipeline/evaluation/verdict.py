"""An evaluation in one or two sentences: whether the model is better than simple ones on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.evaluation.metric_names import is_lower_better, metric_name
from pipeline.evaluation.report.evaluation import EvalReport
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
    """The result of an evaluation in a sentence.

    Attributes:
        grade: `good` is significantly better than all simple models, `fair` about as good, `bad` worse than one of
            them, `open` if nothing can be said.
        sentence: the reason, with figures.
    """

    grade: Grade
    sentence: str


def judge(report: EvalReport) -> Verdict:
    """Compare the main metric with that of the best simple model, up to its interval."""
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
    rivals = {
        name: rival_value
        for name, metrics in report.baselines.items()
        if (rival_value := metrics.get(metric)) is not None
    }
    if value is None or not rivals:
        return Verdict("open", "There is no simple model to compare with (evaluate.baseline).")
    rival = min(rivals, key=lambda name: rivals[name])
    return _against(report, rival, value, rivals[rival])


def _against(report: EvalReport, rival: str, value: float, other: float) -> Verdict:
    main, second = report.target.main_metric, report.target.second
    grade, comparison = _compare(report, rival, main, value, other)
    ours, theirs = report.metrics.get(second), report.baselines[rival].get(second)
    addition = ""
    if ours is not None and theirs is not None:
        another, figures = _compare(report, rival, second, ours, theirs)
        addition = f" By {figures} it is {HOW[another].lower()}." if another != grade else ""
    remedy = " Look at the training and at the features before using it." if grade == "bad" else ""
    return Verdict(grade, f"{HOW[grade]} {JOIN[grade]} {SIMPLE.get(rival, rival)}: {comparison}.{addition}{remedy}")


def _compare(report: EvalReport, rival: str, metric: str, ours: float, theirs: float) -> tuple[Grade, str]:
    """How the model compares by one metric, with figures; a difference within the interval counts as none."""
    low, high = report.intervals.get(metric, (ours, ours))
    within = f" (95 % interval {format_interval((low, high))})" if metric in report.intervals else ""
    comparison = f"{metric_name(metric)} {format_number(ours)}{within} against {format_number(theirs)}"
    if low <= theirs <= high:
        return "fair", comparison
    return ("good" if (ours < theirs) == is_lower_better(metric) else "bad"), comparison
