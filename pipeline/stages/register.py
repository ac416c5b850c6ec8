"""Register: a version of the registered model, of a model that was just evaluated."""

from __future__ import annotations

from pipeline.evaluate.report import EvalReport
from pipeline.stages.context import StageContext
from pipeline.store.model import PublishedModel
from pipeline.track.standing import Candidate


def register_model(stage: StageContext, model: PublishedModel, report: EvalReport) -> None:
    """Make a version where `track.register` asks for it, and tell what it is."""
    wanted = stage.config.track.register
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
    name = stage.config.name if wanted is True else wanted
    stage.progress.update(f"Registering the model as '{name}'")
    standing = stage.tracker.register(name, candidate)
    if standing is not None:
        stage.progress.done(f"The model is the {standing.alias} of '{name}'. {standing.reason}")
