"""Register: a version of the registered model, of a model that was just evaluated."""

from __future__ import annotations

from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.stages.context import Resources
from pipeline.store.model import PublishedModel
from pipeline.tracking.promotion import Candidate


def register_model(resources: Resources, model: PublishedModel, report: EvalReport, wanted: bool | str) -> None:
    """Make a version, and say what it is.

    Args:
        resources: of the evaluation.
        model: that was evaluated.
        report: of its evaluation.
        wanted: the registered model's name; True means the experiment's, False makes no version.
    """
    if wanted is False:
        return
    metric = report.target.main_metric
    candidate = Candidate(
        model_id=model.card.model_id,
        sha256=model.card.sha256,
        store_id=model.card.store_id,
        rows=report.rows,
        metric=metric,
        value=report.metrics.get(metric),
        interval=report.intervals.get(metric),
    )
    name = model.card.name if wanted is True else wanted
    resources.progress.update(f"Registering the model as '{name}'")
    promotion = resources.tracker.register(name, candidate)
    if promotion is not None:
        resources.progress.done(f"The model is the {promotion.alias} of '{name}'. {promotion.reason}")
