"""Registers a model that was just evaluated as a version of a registered model."""

from __future__ import annotations

from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.stages.context import Resources
from pipeline.store.model import PublishedModel
from pipeline.tracking.promotion import Candidate


def register_model(resources: Resources, model: PublishedModel, report: EvalReport, wanted: bool | str) -> None:
    """Register a version, and report its alias.

    Args:
        resources: the evaluation's resources.
        model: the evaluated model.
        report: the report of its evaluation.
        wanted: the name of the registered model; True takes the experiment's name, False registers nothing.
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
