"""All plots of one evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from matplotlib.figure import Figure

from pipeline.contract.label import Task
from pipeline.evaluate.names import metric_name
from pipeline.evaluate.plots.calibration import calibration_curve
from pipeline.evaluate.plots.confusion import confusion_matrix
from pipeline.evaluate.plots.importance import importance_bars
from pipeline.evaluate.plots.ranking import gain_and_lift, roc_and_pr
from pipeline.evaluate.plots.residuals import residual_plots
from pipeline.evaluate.plots.slices import slice_plot
from pipeline.evaluate.plots.thresholds import threshold_sweep
from pipeline.evaluate.report import EvalReport
from pipeline.evaluate.verdict import MAIN

LONGEST = 40


def figures_of(report: EvalReport) -> Iterator[tuple[str, Figure]]:
    """Each plot that has something to show, with its name, which is safe for a file."""
    if report.regression is not None:
        yield "residuals", residual_plots(report.regression, rows=report.rows, name=report.label)
    yield from _of_classes(report)
    for place, part in enumerate(report.slices, 1):
        metric = MAIN[report.task]
        figure = slice_plot(
            part,
            metric=metric,
            name=metric_name(metric),
            whole=report.metrics.get(metric),
            interval=report.intervals.get(metric),
        )
        yield f"slice_{place}_{safe_name(part.by)}", figure
    if report.importance is not None:
        yield "importance", importance_bars(report.importance, name=metric_name(report.importance.metric))


def _of_classes(report: EvalReport) -> Iterator[tuple[str, Figure]]:
    if report.confusion is not None:
        yield "confusion_matrix", confusion_matrix(report.confusion)
    if any(curve.roc for curve in report.curves):
        prevalence = report.classes[1].prevalence if report.task is Task.BINARY and report.classes else None
        yield "roc_and_pr", roc_and_pr(report.curves, prevalence=prevalence)
        yield "gain_and_lift", gain_and_lift(report.curves)
    if report.calibration is not None:
        yield "calibration", calibration_curve(report.calibration)
    if report.thresholds:
        positive = report.classes[1].name if report.classes else "class 1"
        yield "thresholds", threshold_sweep(report.thresholds, decision=report.decision, positive=positive)


def safe_name(text: str) -> str:
    """Letters, digits and underscores, for the name of a file; other characters give way."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:LONGEST].lower() or "column"
