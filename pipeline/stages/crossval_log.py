"""What a cross-validation logs to its tracked runs: parameters, metrics, tables and plots."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.evaluation.comparison import Comparison
from pipeline.evaluation.folds import CrossvalReport, FoldScore
from pipeline.evaluation.metric_names import metric_name
from pipeline.formatting import format_interval, format_number
from pipeline.report.plots.fold_curves import fold_curves
from pipeline.report.plots.folds import fold_metrics, paired_differences
from pipeline.report.summaries import comparison_table, crossval_table
from pipeline.stages.context import Resources
from pipeline.stages.folds import Folds
from pipeline.store import filesystem as files
from pipeline.store.layout import AUDIT
from pipeline.tracking.tracker import Tracker


def folds_params(folds: Folds) -> dict[str, str | int]:
    """Parameters of the cross-validation: how rows are divided into folds."""
    manifest = folds.manifest
    return {"crossval.method": manifest.method, "crossval.folds": manifest.folds, "crossval.repeats": manifest.repeats}


def fold_params(folds: Folds, number: int) -> dict[str, int]:
    """Parameters of a fold's run: those that vary between folds."""
    rows = folds.stores[number].manifest.rows
    return {"fold": number, **{f"rows.{name}": count for name, count in rows.items() if name != "quarantined"}}


def log_score(tracker: Tracker, score: FoldScore) -> None:
    """Log the metrics of a fold, under the names of an evaluation's metrics."""
    tracker.log_metrics({**_named("test", score.metrics), "train/best_epoch": float(score.best_epoch)})


def log_audit(resources: Resources, folds: Folds) -> None:
    """Log the leak audit of the folds; folds of version 0.1 may have none."""
    file = folds.spec.folder(folds.source, resources.root).child(AUDIT)
    if files.exists(file):
        resources.tracker.log_text(files.read_bytes(file).decode(), "data/audit.json")


def log_crossval(resources: Resources, report: CrossvalReport, comparison: Comparison | None, *, title: str) -> None:
    """Log the means, the table and the plots to the run of the cross-validation.

    Args:
        resources: the job's resources with that run.
        report: the report of all folds.
        comparison: the comparison with an earlier cross-validation, if any.
        title: the first part of the titles of plots.
    """
    tracker = resources.tracker
    tracker.log_metrics(
        {
            **_named("test", report.mean),
            **_named("test_std", report.std),
            **_named("test_pooled", report.pooled),
        }
    )
    tracker.log_text(report.to_json(), "crossval.json")
    sentences = [_sentence(report, name) for name in report.headlines[:2]]
    tables = ["\n\n".join(f"{sentence}." for sentence in sentences), crossval_table(report)]
    tracker.log_figure(fold_metrics(report, title=f"{title}: folds"), "plots/crossval_metrics.png")
    tracker.log_figure(fold_curves(report, title=f"{title}: learning curves of the folds"), "plots/crossval_curves.png")
    if comparison is not None:
        tables.insert(1, comparison_table(comparison))
        tracker.log_text(comparison.to_json(), "comparison.json")
        differences = paired_differences(comparison, title=f"{title}: differences by fold")
        tracker.log_figure(differences, "plots/crossval_comparison.png")
        resources.progress.done(comparison.sentence)
    tracker.log_text("\n\n".join(tables), "crossval.md")
    tracker.describe("\n\n".join(tables))
    for sentence in sentences:
        resources.progress.done(sentence)


def _named(prefix: str, metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {f"{prefix}/{name}": value for name, value in metrics.items() if value is not None}


def _sentence(report: CrossvalReport, name: str) -> str:
    """E.g. `MAE 57,500 over 5 folds, 95 % interval 55,000 to 60,000`."""
    mean, bounds = report.mean.get(name), report.intervals.get(name)
    if mean is None:
        return f"{metric_name(name)} is not defined in any fold"
    interval = "" if bounds is None else f", 95 % interval {format_interval(bounds)}"
    return f"{metric_name(name)} {format_number(mean)} over {len(report.scores)} folds{interval}"
