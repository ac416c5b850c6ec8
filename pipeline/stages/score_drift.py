"""The drift of scored rows: compared with the training rows, and logged."""

from __future__ import annotations

import logging

from pipeline.config.score import ScoreConfig
from pipeline.preparation.profile.drift import drift_of_rows
from pipeline.runtime.progress import watch_spark
from pipeline.schemas.drift import DriftReport
from pipeline.scoring.batches import Written
from pipeline.scoring.rows import NewRows, good_values
from pipeline.stages.context import Resources
from pipeline.stages.results.score import WorstDrift
from pipeline.store.bundle import Bundle
from pipeline.tracking.tracker import Tracker

log = logging.getLogger(__name__)


def drift_report(
    resources: Resources, config: ScoreConfig, bundle: Bundle, opened: NewRows, written: Written, location: str
) -> DriftReport | None:
    """Compare the rows with the training rows, and log the report; None where nothing was compared."""
    compared, good = config.drift_rows, written.total - written.bad
    if bundle.profile is None and compared:
        log.warning("Model %s has no profile of its training rows, so drift is not measured.", bundle.card.model_id)
    if bundle.profile is None or not compared or not good:
        return None
    with watch_spark(resources.spark, resources.progress, "Measuring drift"):
        chosen = good_values(opened.program, compared / written.total)
        report = drift_of_rows(bundle.profile, bundle.features, opened.scan, chosen, data=location)
    log.info("%s", report.to_text())
    _log_drift(resources.tracker, report)
    return report


def worst_drift(report: DriftReport | None) -> WorstDrift | None:
    """The column with the most drift; None where nothing was compared."""
    if report is None or not report.columns:
        return None
    worst, *_ = report.columns
    return WorstDrift(column=worst.name, psi=worst.psi, rows=report.rows)


def _log_drift(tracker: Tracker, report: DriftReport) -> None:
    tracker.log_text(report.to_json(), "drift.json")
    tracker.log_text(report.to_text() + "\n", "drift.txt")
    if report.columns:
        new = max((column.new or 0.0 for column in report.columns if column.kind == "text"), default=0.0)
        tracker.log_metrics({"drift/worst_psi": report.columns[0].psi, "drift/most_new_categories": new})
