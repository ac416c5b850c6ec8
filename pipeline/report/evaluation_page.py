"""A run as a page: how good the model is, how it was trained, where it is wrong, and what it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.evaluation.finding import Finding, FindingKind
from pipeline.evaluation.metric_names import capital, is_lower_better, metric_name
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.evaluation.verdict import judge
from pipeline.report.evaluation_tables import (
    BASELINES,
    TransposedRows,
    class_table,
    importance_table,
    metric_interval,
    metric_table,
    quantile_table,
    slice_table,
    threshold_table,
)
from pipeline.report.html import render
from pipeline.report.table import Table
from pipeline.report.text import metric_value, text
from pipeline.schemas.audit import LeakAudit
from pipeline.store.manifest import Manifest
from pipeline.store.model import ModelCard
from pipeline.training.history import TrainingHistory


@dataclass(frozen=True)
class Subject:
    """What a page shows.

    Attributes:
        report: the evaluation.
        card: the card of the model.
        manifest: the manifest of the store that it was trained and tested on.
        config: the configuration as YAML, without secrets.
        history: the history of the training run; None if it was not kept.
        findings: findings about the learning curves.
        audit: the audit of leaks between splits; None if there was none.
        unused: why columns that could have been chosen as features were not, by name.
        pictures: PNG files by name, as `figures_of` names them, and `learning_curves`.
    """

    report: EvalReport
    card: ModelCard
    manifest: Manifest
    config: str
    history: TrainingHistory | None = None
    findings: tuple[Finding, ...] = ()
    audit: LeakAudit | None = None
    unused: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A part of the page with its own heading, and its template."""

    title: str
    template: str


@dataclass(frozen=True)
class Headline:
    """A metric at the top of the page, with its interval and the values of simple models."""

    value: str
    name: str
    notes: tuple[str, ...]


def evaluation_page(subject: Subject) -> str:
    """One HTML document without scripts and external resources."""
    report, manifest = subject.report, subject.manifest
    return render(
        "evaluation/page.html",
        report=report,
        card=subject.card,
        manifest=manifest,
        config=subject.config,
        history=subject.history,
        findings=subject.findings,
        healthy=FindingKind.HEALTHY,
        audit=subject.audit,
        unused=subject.unused,
        pictures=subject.pictures,
        heading=report.target.heading.format(classes=len(report.classes)),
        verdict=judge(report),
        headlines=[_headline(report, metric) for metric in report.target.headlines if metric in report.metrics],
        sections=list(_sections(subject)),
        split_rows={name: split.rows for name, split in manifest.splits.items()},
        reasons=Table(
            ("reason of the quarantine", "rows"),
            [(text(reason), f"{rows:,}") for reason, rows in manifest.reasons.items()],
        ),
        quantiles=quantile_table(report),
        classes=class_table(report.classes),
        thresholds=threshold_table(report),
        slices=[slice_table(report, part) for part in report.slices],
        importance=importance_table(report.importance) if report.importance else None,
        worst=TransposedRows.of(report.extremes.worst),
        best=TransposedRows.of(report.extremes.best),
        metrics=metric_table(report),
    )


def _sections(subject: Subject) -> Iterator[Section]:
    """The sections that have something to show."""
    report = subject.report
    yield Section("Data", "evaluation/data.html")
    if subject.history is not None:
        yield Section("Training", "evaluation/training.html")
    for name in report.target.sections:
        yield Section(name.capitalize(), f"evaluation/{name}.html")
    if report.slices:
        yield Section("Slices", "evaluation/slices.html")
    if report.importance and report.importance.columns:
        yield Section("Importance", "evaluation/importance.html")
    if report.extremes.worst:
        yield Section("Single rows", "evaluation/rows.html")
    yield Section("All figures", "evaluation/metrics.html")
    yield Section("Origin", "evaluation/origin.html")


def _headline(report: EvalReport, metric: str) -> Headline:
    notes = [f"95 %: {metric_interval(report, metric)}"] if metric in report.intervals else []
    for name, metrics in report.baselines.items():
        if metrics.get(metric) is not None:
            notes.append(f"{BASELINES.get(name, name)} {metric_value(metric, metrics[metric])}")
    better = ", lower is better" if is_lower_better(metric) else ""
    name = f"{capital(metric_name(metric))}{better}"
    return Headline(metric_value(metric, report.metrics[metric]), name, tuple(notes))
