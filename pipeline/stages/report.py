"""Logs an evaluation: the verdict, the plots, and the page of the whole run."""

from __future__ import annotations

import logging
from functools import partial

from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.evaluation.verdict import judge
from pipeline.report.evaluation_page import Subject, evaluation_page
from pipeline.report.plots.curves import learning_curves
from pipeline.report.plots.figures import Draw, figures_of
from pipeline.report.plots.png import png_of
from pipeline.report.summaries import evaluation_summary
from pipeline.stages.context import Resources
from pipeline.stages.learning import findings_of
from pipeline.store import filesystem as files
from pipeline.store.layout import CONFIG
from pipeline.store.model import PublishedModel
from pipeline.store.store import Store, read_audit, read_profile
from pipeline.tracking.tracker import NullTracker
from pipeline.training.history import TrainingHistory, read_history
from pipeline.training.spec import TrainingSpec

log = logging.getLogger(__name__)


def log_report(
    resources: Resources, store: Store, model: PublishedModel, report: EvalReport, spec: TrainingSpec
) -> None:
    """Put plots and `report.html` into the tracked run, and the verdict on the terminal.

    Args:
        resources: the evaluation's resources.
        store: the store with the test rows.
        model: the evaluated model, with its history, if it has one.
        report: the report of the evaluation.
        spec: the training run.
    """
    verdict = judge(report)
    resources.progress.done(verdict.sentence)
    resources.tracker.set_tags({"verdict": verdict.grade})
    resources.tracker.describe(f"{verdict.sentence}\n\n{evaluation_summary(report)}")
    if isinstance(resources.tracker, NullTracker):
        return
    history, profile = read_history(model), read_profile(store)
    findings = () if history is None else findings_of(spec, store, history.values, history.best_epoch)
    plots = {name: png for name, draw in figures_of(report) if (png := draw_png(name, draw)) is not None}
    for name, png in plots.items():
        resources.tracker.log_picture(png, f"plots/{name}.png")
    subject = Subject(
        report=report,
        card=model.card,
        manifest=store.manifest,
        config=files.read_bytes(model.folder.child(CONFIG)).decode(),
        history=history,
        findings=findings,
        audit=read_audit(store),
        unused={} if profile is None else profile.unused,
        pictures=plots | _curves(history),
    )
    resources.tracker.log_text(evaluation_page(subject), "report.html")


def _curves(history: TrainingHistory | None) -> dict[str, bytes]:
    """The plot of learning curves, without the diagnosis, which the page shows above it."""
    if history is None:
        return {}
    draw = partial(learning_curves, history.values, best_epoch=history.best_epoch)
    png = draw_png("learning_curves", draw)
    return {} if png is None else {"learning_curves": png}


def draw_png(name: str, draw: Draw) -> bytes | None:
    """A plot as PNG; None, with a warning, if it cannot be drawn: that must not end the evaluation."""
    try:
        return png_of(draw())
    except Exception:
        log.warning("The plot %s could not be drawn; its figures are in evaluation.json.", name, exc_info=True)
        return None
