"""One run as a page: what the model is worth, how it was trained, where it is wrong, and what it was made of."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.errors import counted
from pipeline.evaluation.diagnosis import Finding, Kind
from pipeline.evaluation.names import capital, is_lower_better, metric_name
from pipeline.evaluation.report import EvalReport
from pipeline.evaluation.verdict import judge
from pipeline.schemas.audit import LeakAudit
from pipeline.stages.page import (
    NONE,
    PORTRAIT,
    contents,
    details,
    facts,
    number,
    page,
    picture,
    section,
    share,
    table,
    text,
    tile,
)
from pipeline.stages.report_tables import (
    BASELINES,
    class_table,
    extreme_rows,
    importance_table,
    metric_table,
    metric_value,
    quantile_table,
    sentence,
    slice_table,
    threshold_table,
)
from pipeline.store.manifest import Manifest
from pipeline.store.model import ModelCard
from pipeline.training.history import TrainingHistory

ONE_CLASS = '<p class="quiet">ROC, precision-recall and gain curves need rows of more than one class.</p>'


@dataclass(frozen=True)
class Subject:
    """What a page is about.

    Attributes:
        report: the evaluation.
        card: of the model.
        manifest: of the store that it was trained and tested on.
        config: the configuration as YAML, without secrets.
        history: of the training; None where nobody kept it.
        findings: what the learning curves show.
        audit: of leaks between the splits; None where there was none.
        pictures: PNG files by name, as `figures_of` names them, and `learning_curves`.
    """

    report: EvalReport
    card: ModelCard
    manifest: Manifest
    config: str
    history: TrainingHistory | None = None
    findings: tuple[Finding, ...] = ()
    audit: LeakAudit | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def report_page(subject: Subject) -> str:
    """One HTML document without scripts and without anything from elsewhere."""
    report = subject.report
    sections = {
        "Data": _data(subject),
        "Training": _training(subject),
        **{name.capitalize(): OF_TARGETS[name](subject) for name in report.target.sections},
        "Slices": "".join(slice_table(report, part) for part in report.slices),
        "Importance": importance_table(report.importance),
        "Single rows": extreme_rows(report),
        "All figures": metric_table(report),
        "Origin": _origin(subject),
    }
    shown = {title: content for title, content in sections.items() if content}
    return page(
        f"{subject.card.name}: report",
        _top(subject),
        contents(*shown),
        *(section(title, content) for title, content in shown.items()),
        paper=PORTRAIT,
    )


def _top(subject: Subject) -> str:
    report, card = subject.report, subject.card
    verdict, heading = judge(report), report.target.heading.format(classes=len(report.classes))
    run = f", run {text(card.run_id)}" if card.run_id else ""
    tiles = [_headline(report, metric) for metric in report.target.headlines if metric in report.metrics]
    notes = "".join(f"<li>{sentence(note)}</li>" for note in report.notes)
    return (
        f"<h1>{text(card.name)}</h1>"
        f'<p class="quiet">{heading} <span class="name">{text(report.label)}</span>: {report.rows:,} '
        f"{text(report.split)} rows, model {text(card.model_id)}{run}</p>"
        f'<p class="verdict {verdict.grade}">{sentence(capital(verdict.sentence))}</p>'
        f'<div class="tiles">{"".join(tiles)}</div>' + (f'<ul class="findings">{notes}</ul>' if notes else "")
    )


def _headline(report: EvalReport, metric: str) -> str:
    """A figure with its interval and with what simple models reach."""
    notes = []
    if metric in report.intervals:
        low, high = (metric_value(metric, bound) for bound in report.intervals[metric])
        notes.append(f"95 %: {low} to {high}")
    for name, metrics in report.baselines.items():
        if metrics.get(metric) is not None:
            notes.append(f"{BASELINES.get(name, text(name))} {metric_value(metric, metrics[metric])}")
    better = ", lower is better" if is_lower_better(metric) else ""
    return tile(metric_value(metric, report.metrics[metric]), f"{capital(metric_name(metric))}{better}", *notes)


def _data(subject: Subject) -> str:
    manifest, audit = subject.manifest, subject.audit
    total = sum(split.rows for split in manifest.splits.values())
    tiles = [
        tile(f"{split.rows:,}", f"{name} rows, {share(split.rows, total)}") for name, split in manifest.splits.items()
    ]
    tiles += [tile(f"{manifest.quarantined:,}", "quarantined"), tile(f"{manifest.left_out:,}", "left out")]
    reasons = table(
        ("reason of the quarantine", "rows"),
        [(text(reason), f"{rows:,}") for reason, rows in manifest.reasons.items()],
        (1,),
    )
    return "\n".join(
        [
            f'<div class="tiles">{"".join(tiles)}</div>',
            reasons if manifest.reasons else "",
            "" if audit is None else _audit(audit),
            '<p class="quiet">Columns and drift are in data/profile.html of the run that prepared them.</p>',
        ]
    )


def _audit(audit: LeakAudit) -> str:
    """Findings in full; what passed is counted."""
    failed = [check for check in audit.checks if not check.passed]
    passed = len(audit.checks) - len(failed)
    lines = "".join(f'<li><span class="bad">{text(c.name)}</span>: {sentence(c.detail)}</li>' for c in failed)
    answer = f"; {passed} of them found nothing." if failed else " and found nothing."
    said = f"The leak audit ran {counted(len(audit.checks), 'check')}{answer}"
    return f"<p>Rows are divided by {text(audit.method)}. {said}</p>" + (
        f'<ul class="findings">{lines}</ul>' if lines else ""
    )


def _training(subject: Subject) -> str:
    history = subject.history
    if history is None:
        return ""
    card = subject.card
    tiles = [
        tile(f"{card.epochs:,}", f"epochs, the best was {card.best_epoch}"),
        tile(f"{history.rows_per_second:,.0f}", "rows a second, all ranks"),
        tile(f"{history.seconds:,.1f} s", "in training steps"),
        tile(f"{history.input_bound_percent:.0f} %", "of it waiting for rows"),
        tile(f"{history.workers:,}", "worker" if history.workers == 1 else "workers"),
    ]
    found = "".join(f"<li>{_finding(finding)}</li>" for finding in subject.findings)
    return "\n".join(
        [
            f'<div class="tiles">{"".join(tiles)}</div>',
            f'<ul class="findings">{found}</ul>' if found else "",
            _picture(subject, "learning_curves", "Loss and metrics by epoch"),
        ]
    )


def _finding(finding: Finding) -> str:
    css = "ok" if finding.kind is Kind.HEALTHY else "bad"
    rest = sentence(f"{finding.shown_by} {finding.remedy}")
    return f'<span class="{css}">{text(capital(finding.kind))}.</span> {rest}'


def _errors(subject: Subject) -> str:
    return "\n".join([_picture(subject, "residuals", "Residual plots"), quantile_table(subject.report)])


def _classes(subject: Subject) -> str:
    report = subject.report
    return "\n".join(
        [
            _picture(subject, "confusion_matrix", "Confusion matrix"),
            class_table(report.classes),
            _picture(subject, "roc_and_pr", "ROC and precision-recall curves"),
            _picture(subject, "gain_and_lift", "Gain and lift"),
            "" if any(curve.roc for curve in report.curves) else ONE_CLASS,
        ]
    )


def _probabilities(subject: Subject) -> str:
    report, decision = subject.report, subject.report.decision
    calibrated = decision.calibration.kind
    said = ["Probabilities are as the network gives them (evaluate.calibration: none)."]
    if calibrated != "none":
        said = [f"Probabilities are calibrated ({calibrated}) on {decision.rows:,} validation rows."]
    if report.target.has_positive:
        positive = text(report.classes[1].name) if report.classes else "class 1"
        why = f"chosen on validation rows ({text(decision.goal)})" if decision.goal else "as configured"
        said.append(f"A row is given to {positive} from {number(decision.threshold)} on, {why}.")
    pictures = [
        _picture(subject, "calibration", "Observed share over predicted probability"),
        _picture(subject, "thresholds", "Metrics over the threshold"),
    ]
    shown = f'<div class="pictures">{"".join(pictures)}</div>'
    return "\n".join([f"<p>{' '.join(said)}</p>", shown, threshold_table(report)])


OF_TARGETS: Mapping[str, Callable[[Subject], str]] = {
    "errors": _errors,
    "classes": _classes,
    "probabilities": _probabilities,
}
"""By the names that targets have for them, see `Target.sections`."""


def _origin(subject: Subject) -> str:
    card, manifest = subject.card, subject.manifest
    told = {
        "experiment": text(card.name),
        "run": text(card.run_id) if card.run_id else "not tracked",
        "model": f"{text(card.model_id)}, SHA-256 {card.sha256}",
        "weights": f"SHA-256 {card.weights}",
        "store": f"{text(manifest.store_id)}, of source {text(manifest.source[:16])}",
        "versions": text_of_versions(card.versions),
    }
    files = {name: sha256 for name, sha256 in card.files.items() if name != "model.keras"}
    hashes = facts({name: f"SHA-256 {sha256}" for name, sha256 in files.items()})
    return (
        facts(told)
        + details("Configuration", f"<pre>{html.escape(subject.config)}</pre>")
        + details("Hashes of the model's other files", hashes)
    )


def text_of_versions(versions: Mapping[str, str]) -> str:
    """`keras 3.15.1, tensorflow 2.21.0`."""
    return ", ".join(f"{text(name)} {text(version)}" for name, version in versions.items()) or NONE


def _picture(subject: Subject, name: str, about: str) -> str:
    return picture(subject.pictures[name], about) if name in subject.pictures else ""
