"""All plots of one evaluation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from matplotlib.figure import Figure

from pipeline.evaluation.metric_names import metric_name
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.report.plots.calibration import calibration_curve
from pipeline.report.plots.confusion import confusion_matrix
from pipeline.report.plots.importance import importance_bars
from pipeline.report.plots.ranking import gain_and_lift, roc_and_pr
from pipeline.report.plots.residuals import residual_plots
from pipeline.report.plots.slices import slice_plot
from pipeline.report.plots.thresholds import threshold_sweep

Draw = Callable[[], Figure]
LONGEST = 40


def figures_of(report: EvalReport) -> Iterator[tuple[str, Draw]]:
    """The plots that have something to show: a name that is safe for a file, and a function that draws the plot."""
    if report.regression is not None:
        yield "residuals", partial(residual_plots, report.regression, rows=report.rows, name=report.label)
    yield from _of_classes(report)
    metric = report.target.main_metric
    whole, interval = report.metrics.get(metric), report.intervals.get(metric)
    for number, part in enumerate(report.slices, 1):
        draw = partial(slice_plot, part, metric=metric, name=metric_name(metric), whole=whole, interval=interval)
        yield f"slice_{number}_{safe_name(part.by)}", draw
    if report.importance is not None:
        yield "importance", partial(importance_bars, report.importance, name=metric_name(report.importance.metric))


def _of_classes(report: EvalReport) -> Iterator[tuple[str, Draw]]:
    positive = report.classes[1] if report.target.has_positive and report.classes else None
    if report.confusion is not None:
        yield "confusion_matrix", partial(confusion_matrix, report.confusion)
    if any(curve.roc for curve in report.curves):
        prevalence = None if positive is None else positive.prevalence
        yield "roc_and_pr", partial(roc_and_pr, report.curves, prevalence=prevalence)
        yield "gain_and_lift", partial(gain_and_lift, report.curves)
    if report.calibration is not None:
        yield "calibration", partial(calibration_curve, report.calibration)
    if report.thresholds:
        name = "class 1" if positive is None else positive.name
        yield "thresholds", partial(threshold_sweep, report.thresholds, decision=report.decision, positive=name)


def safe_name(text: str) -> str:
    """A name for a file, of letters, digits and underscores; other characters are replaced."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:LONGEST].lower() or "column"
