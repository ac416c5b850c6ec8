"""What people look at of an evaluation: the verdict, plots, and the page that tells the whole run."""

from __future__ import annotations

from pipeline.evaluate.plots.curves import learning_curves
from pipeline.evaluate.plots.figures import figures_of
from pipeline.evaluate.plots.png import png_of
from pipeline.evaluate.report import EvalReport
from pipeline.evaluate.verdict import judge
from pipeline.stages.context import StageContext
from pipeline.stages.learning import findings_of
from pipeline.stages.report_page import Subject, report_page
from pipeline.store import filesystem as files
from pipeline.store.layout import CONFIG
from pipeline.store.model import PublishedModel
from pipeline.store.store import Store, read_audit
from pipeline.train.history import read_history


def log_report(stage: StageContext, store: Store, model: PublishedModel, report: EvalReport) -> None:
    """Put plots and `report.html` into the tracked run, and the verdict on the terminal.

    Args:
        stage: of the evaluation.
        store: that was evaluated.
        model: with its card, and its history where one was kept.
        report: what was found.
    """
    verdict = judge(report)
    stage.progress.done(verdict.sentence)
    stage.tracker.set_tags({"verdict": verdict.grade})
    stage.tracker.describe(f"{verdict.sentence}\n\n{report.to_markdown()}")
    history = read_history(model)
    findings = () if history is None else findings_of(stage.config, store, history.values, history.best_epoch)
    pictures = {}
    if history is not None:
        curves = learning_curves(history.values, best_epoch=history.best_epoch)
        pictures["learning_curves"] = png_of(curves)
    for name, figure in figures_of(report):
        pictures[name] = png_of(figure)
        stage.tracker.log_picture(pictures[name], f"plots/{name}.png")
    subject = Subject(
        report=report,
        card=model.card,
        manifest=store.manifest,
        config=files.read_bytes(model.folder.within(CONFIG)).decode(),
        history=history,
        findings=findings,
        audit=read_audit(store),
        pictures=pictures,
    )
    stage.tracker.log_text(report_page(subject), "report.html")
