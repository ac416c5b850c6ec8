"""Results in Markdown, for the descriptions of tracked runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.evaluation.comparison import Comparison, PairedMetric
from pipeline.evaluation.folds import CrossvalReport, FoldScore
from pipeline.evaluation.metric_names import metric_name
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.formatting import counted, format_interval, format_number
from pipeline.report.markdown import markdown_table

BASELINES = {"linear": "linear model"}
"""Names of baselines for people, where they differ."""


def evaluation_summary(report: EvalReport) -> str:
    """The metrics of an evaluation, for the network and for simple models."""
    head = ["metric", "network", *(BASELINES.get(name, name) for name in report.baselines)]
    lines = [
        [name, format_number(value), *(format_number(baseline.get(name)) for baseline in report.baselines.values())]
        for name, value in report.metrics.items()
    ]
    return f"{counted(report.rows, 'row')}\n\n{markdown_table(head, lines, numbers=False)}"


def crossval_table(report: CrossvalReport) -> str:
    """A cross-validation: one line per fold with its rows and the headline metrics, then all folds together."""
    names = report.headlines
    repeated = ["repeat"] if report.repeats > 1 else []
    sizes = ["training rows", "validation rows", "held-out rows", "best epoch"]
    head = ["fold", *repeated, *sizes, *map(metric_name, names)]
    lines = [_fold_line(report, score) for score in report.scores]
    blank = [""] * (len(head) - len(names) - 1)
    lines += [[name, *blank, *cells] for name, cells in _summary_lines(report, names)]
    notes = "".join(f"\n{note}\n" for note in (*_chosen_settings(report.scores), *report.notes))
    times = f" {report.repeats} times" if report.repeats > 1 else ""
    title = f"{report.rows:,} rows in {report.folds} folds{times} ({report.method})"
    return f"{title}\n\n{markdown_table(head, lines)}{notes}"


def _fold_line(report: CrossvalReport, score: FoldScore) -> list[str]:
    repeat = [str(score.fold // report.folds)] if report.repeats > 1 else []
    rows = [f"{count:,}" for count in (score.train_rows, score.validation_rows, score.test_rows)]
    epoch = f"{score.best_epoch} of {score.epochs}"
    return [str(score.fold), *repeat, *rows, epoch, *(format_number(score.value(name)) for name in report.headlines)]


def _summary_lines(report: CrossvalReport, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Lines about all folds together, with a cell for each of the metrics in `names`."""
    yield "mean", [format_number(report.mean.get(name)) for name in names]
    yield "deviation", [format_number(report.std.get(name)) for name in names]
    yield "95 % interval", [format_interval(report.intervals.get(name)) for name in names]
    if report.pooled:
        yield (
            "all held-out rows",
            [format_number(report.pooled[name]) if name in report.pooled else "" for name in names],
        )
    if report.pooled_intervals:
        yield "their 95 % interval", [format_interval(report.pooled_intervals.get(name)) for name in names]


def _chosen_settings(scores: Sequence[FoldScore]) -> Iterator[str]:
    """The settings that a search within each fold chose for it."""
    for score in scores:
        if score.settings:
            settings = ", ".join(f"{name} {value}" for name, value in score.settings.items())
            yield f"Chosen for fold {score.fold}: {settings}"


def comparison_table(comparison: Comparison) -> str:
    """A comparison of two cross-validations: its result in words, and one line per headline metric."""
    head = ["metric", *comparison.names, "difference", "95 % interval", "p value", "wins, ties, losses", "better"]
    lines = [_metric_line(comparison.metrics[name], comparison.names) for name in comparison.headlines]
    return f"{comparison.sentence}\n\n{markdown_table(head, lines)}"


def _metric_line(metric: PairedMetric, names: tuple[str, str]) -> list[str]:
    better = "" if metric.better is None else names[0 if metric.better == "first" else 1]
    return [
        metric_name(metric.metric),
        format_number(metric.first),
        format_number(metric.second),
        format_number(metric.mean),
        format_interval(metric.interval),
        "" if metric.p_value is None else f"{metric.p_value:.2g}",
        f"{metric.wins}, {metric.ties}, {metric.losses}",
        better if metric.is_certain or not better else f"{better}, perhaps",
    ]
