"""What an evaluation found, as tables of a page."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from pipeline.evaluation.names import capital, is_share, metric_name
from pipeline.evaluation.report import ClassMetrics, EvalReport, ExtremeRow, ImportanceReport, SliceReport
from pipeline.stages.page import NONE, details, number, share, table, text

BASELINES = {"linear": "linear model", "mean": "mean", "majority": "training shares"}
MOST_CLASSES = 60
MOST_FEATURES = 40
"""Rows of tables; what is beyond is counted, and stands in evaluation.json."""
LONGEST_VALUE = 28
TRACK = 180
"""Width of a bar's ground in pixels."""


def metric_value(metric: str, value: float | None) -> str:
    """A percentage for shares, about four digits for others."""
    if value is None or not math.isfinite(value):
        return number(value)
    if metric == "r2":
        return number(round(value, 4))
    if is_share(metric):
        return share(value) if 0.0 <= value < 10.0 else number(value)
    return number(_four(value))


def metric_table(report: EvalReport) -> str:
    """Every metric of the model beside those of simple models, with its interval and what bins cost."""
    named = [*report.baselines]
    head = ("metric", "the model", "95 % interval", *(BASELINES.get(name, name) for name in named), "may be off by")
    rows = [
        (
            text(capital(metric_name(metric))),
            metric_value(metric, value),
            _interval(report, metric),
            *(metric_value(metric, report.baselines[name].get(metric)) for name in named),
            f"{report.errors_of_bins[metric]:.1g}" if metric in report.errors_of_bins else "",
        )
        for metric, value in report.metrics.items()
    ]
    about = (
        f"{NONE}: not defined for these rows. Intervals are of Poisson bootstrap replicates: 95 % of them lie between "
        "the bounds. Figures that are computed of bins say by how much they may be off; all others are exact."
    )
    return table(head, rows, range(1, len(head))) + f'<p class="quiet">{about}</p>'


def _interval(report: EvalReport, metric: str) -> str:
    if metric not in report.intervals:
        return ""
    return " to ".join(metric_value(metric, bound) for bound in report.intervals[metric])


def quantile_table(report: EvalReport) -> str:
    """Errors of a regression at shares of the rows."""
    found = report.regression
    if found is None or not found.quantiles:
        return ""
    head = ("", *(f"{float(at):.0%}" for at in found.quantiles))
    rows = [
        ("error, predicted minus actual", *map(number, map(_four, found.quantiles.values()))),
        ("absolute error", *map(number, map(_four, found.absolute_quantiles.values()))),
    ]
    ranges = (
        f"Actual values from {number(found.lowest)} to {number(found.highest)}, predicted ones from "
        f"{number(found.lowest_predicted)} to {number(found.highest_predicted)}."
    )
    about = f'<p class="quiet">{ranges}</p>' if found.lowest is not None else ""
    return table(head, rows, range(1, len(head))) + about


def class_table(classes: Sequence[ClassMetrics]) -> str:
    """A line a class, each against the rest."""
    names = ("precision", "recall", "specificity", "f1", "auc", "average_precision")
    head = ("class", "rows", "of all", "predicted", *map(metric_name, names))
    rows = [
        (
            text(entry.name),
            f"{entry.rows:,}",
            metric_value("prevalence", entry.prevalence),
            f"{entry.predicted:,}",
            *(metric_value(name, getattr(entry, name)) for name in names),
        )
        for entry in classes[:MOST_CLASSES]
    ]
    return table(head, rows, range(1, len(head))) + _beyond(len(classes) - MOST_CLASSES, "class", "classes")


def threshold_table(report: EvalReport) -> str:
    """Every fifth threshold of the sweep, behind a line that opens it."""
    names = ("precision", "recall", "specificity", "f1", "accuracy", "predicted")
    head = ("threshold", *(metric_name(name) for name in names[:-1]), "given to the class", "right", "wrong")
    rows = [
        (
            f"{row.threshold:.2f}",
            *(metric_value("accuracy" if name in ("predicted", "f1") else name, getattr(row, name)) for name in names),
            f"{row.true_positives:,}",
            f"{row.false_positives:,}",
        )
        for row in report.thresholds[::5]
    ]
    return details("Thresholds as a table", table(head, rows, range(1, len(head)))) if rows else ""


def slice_table(report: EvalReport, part: SliceReport) -> str:
    """A table with a bar for the main metric, on whose ground the line is that of all rows."""
    main = report.target.main_metric
    names = [name for name in report.target.slice_metrics if any(name in value.metrics for value in part.values)]
    known = [size for value in part.values if (size := value.metrics.get(main)) is not None]
    whole = report.metrics.get(main)
    most = max([*known, whole or 0.0], default=0.0)
    head = (part.by, "rows", "of all", *map(metric_name, names), metric_name(main))
    rows = [
        (
            text(value.value),
            f"{value.rows:,}",
            share(value.rows, report.rows),
            *(metric_value(name, value.metrics.get(name)) for name in names),
            _bar(value.metrics.get(main), most, whole=whole, about=f"{value.value}: {value.rows:,} rows"),
        )
        for value in part.values
    ]
    everything = (
        '<span class="quiet">all rows</span>',
        f"{report.rows:,}",
        share(1.0),
        *(metric_value(name, report.metrics.get(name)) for name in names),
        "",
    )
    return table(head, [*rows, everything], range(1, len(head) - 1))


def importance_table(report: ImportanceReport | None) -> str:
    """A line a column, with a bar and its deviation."""
    if report is None or not report.columns:
        return ""
    name = metric_name(report.metric)
    about = (
        f"How much worse {name} gets where a column is shuffled: the mean of {report.repeats} shuffles of "
        f"{report.rows:,} rows, for which it is {metric_value(report.metric, report.value)}. Columns that tell the "
        "same hide each other."
    )
    most = max(0.0, *(column.drop + column.deviation for column in report.columns))
    rows = [
        (
            text(column.column),
            metric_value(report.metric, column.drop),
            f"± {metric_value(report.metric, column.deviation)}",
            _bar(column.drop, most, spread=column.deviation, about=column.column),
        )
        for column in report.columns[:MOST_FEATURES]
    ]
    beyond = _beyond(len(report.columns) - MOST_FEATURES, "column", "columns")
    head = ("column", f"{name} worse by", "deviation", "")
    return f'<p class="quiet">{sentence(about)}</p>' + table(head, rows, (1, 2)) + beyond


def _bar(
    value: float | None, most: float, *, about: str, whole: float | None = None, spread: float | None = None
) -> str:
    """A bar of `value` where `most` fills the ground, with its figures as a tooltip."""
    if value is None or most <= 0.0:
        return ""
    width = TRACK * min(max(value, 0.0) / most, 1.0)
    marks = f'<rect x="0" y="2" width="{width:.1f}" height="10"/>'
    if whole is not None:
        place = f"{TRACK * min(whole / most, 1.0):.1f}"
        marks += f'<line class="whole" x1="{place}" x2="{place}" y1="0" y2="14"/>'
    if spread is not None:
        ends = [f"{TRACK * min(max(value + side * spread, 0.0) / most, 1.0):.1f}" for side in (-1, 1)]
        marks += f'<line x1="{ends[0]}" x2="{ends[1]}" y1="7" y2="7"/>'
    title = html.escape(f"{about}: {value:.6g}" + ("" if whole is None else f", all rows {whole:.6g}"))
    return f'<div class="track"><svg width="{TRACK}" height="14"><title>{title}</title>{marks}</svg></div>'


def extreme_rows(report: EvalReport) -> str:
    """The rows that the model is most wrong about, and behind a line those that it is least wrong about."""
    worst, best = report.extremes.worst, report.extremes.best
    if not worst:
        return ""
    what = "loss" if report.target.has_classes else "|error|"
    heading = (
        f'<p class="quiet">The rows with the largest {what}, the largest first, with the values of their columns.</p>'
    )
    return heading + _rows(report, worst) + details(f"The rows with the smallest {what}", _rows(report, best))


def _rows(report: EvalReport, rows: Sequence[ExtremeRow]) -> str:
    """A column a row, so that many columns fit on the page and values stand side by side."""
    head = ("", *(f"{place}" for place in range(1, len(rows) + 1)))
    lines = [
        ("actual", *(_answer(row.label) for row in rows)),
        ("predicted", *(_answer(row.prediction) for row in rows)),
    ]
    if report.target.has_classes:
        lines.append(("probability of the actual class", *(_probability(row.probability) for row in rows)))
    else:
        lines.append(("predicted minus actual", *(_answer(row.error) for row in rows)))
    columns = list(dict.fromkeys(name for row in rows for name in row.values))
    lines += [(text(name), *(_value(row.values, name) for row in rows)) for name in columns[:MOST_FEATURES]]
    return f'<div class="rows">{table(head, lines)}</div>' + _beyond(len(columns) - MOST_FEATURES, "column", "columns")


def _answer(value: float | str) -> str:
    return text(value) if isinstance(value, str) else f"<b>{number(_four(value))}</b>"


def _probability(value: float | None) -> str:
    return NONE if value is None else f"{value:.3g}" if value < 0.001 else f"{value:.3f}"


def _value(values: Mapping[str, str | None], name: str) -> str:
    """As it is in the source; a long one is cut, and whole in the tooltip."""
    if name not in values:
        return ""
    value = values[name]
    if value is None:
        return '<span class="quiet">null</span>'
    if len(value) <= LONGEST_VALUE:
        return text(value)
    return f'<span title="{html.escape(value[:500])}">{text(value[: LONGEST_VALUE - 1])}…</span>'


def _beyond(count: int, noun: str, plural: str) -> str:
    if count <= 0:
        return ""
    return f'<p class="quiet">and {count:,} more {noun if count == 1 else plural}, in evaluation.json</p>'


def _four(value: float) -> float:
    """Four digits, or whole numbers where there are more before the point."""
    return round(value, 0) if 1e4 <= abs(value) < math.inf else float(f"{value:.4g}")


def sentence(content: str) -> str:
    """Plain words of our own that may quote names from the data; not shortened."""
    return " ".join(text(word) for word in content.split(" ") if word)
