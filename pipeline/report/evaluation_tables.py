"""Tables of an evaluation's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.evaluation.metric_names import capital, metric_name
from pipeline.evaluation.report.classification import ClassMetrics
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.evaluation.report.extremes import ExtremeRow
from pipeline.evaluation.report.importance import ImportanceReport
from pipeline.evaluation.report.slices import SliceReport
from pipeline.formatting import format_share
from pipeline.report.bars import bar
from pipeline.report.table import BarLine, BarTable, Table, beyond
from pipeline.report.text import metric_value, page_number, text

BASELINES = {"linear": "linear model", "mean": "mean", "majority": "training shares"}
MOST_CLASSES = 60
MOST_COLUMNS = 40
"""Lines of tables; further ones are only counted, and stand in evaluation.json."""
EVERY = 5
"""The page shows one in so many rows of a threshold sweep."""
CLASS_METRICS = ("precision", "recall", "specificity", "f1", "auc", "average_precision")
THRESHOLD_METRICS = ("precision", "recall", "specificity", "f1", "accuracy")


def metric_table(report: EvalReport) -> Table:
    """Every metric of the model and of simple models, with its interval and its error bound."""
    names = [*report.baselines]
    head = ("metric", "the model", "95 % interval", *(BASELINES.get(name, name) for name in names), "may be off by")
    rows = [
        (
            text(capital(metric_name(metric))),
            metric_value(metric, value),
            metric_interval(report, metric),
            *(metric_value(metric, report.baselines[name].get(metric)) for name in names),
            f"{report.errors_of_bins[metric]:.1g}" if metric in report.errors_of_bins else "",
        )
        for metric, value in report.metrics.items()
    ]
    return Table(head, rows)


def metric_interval(report: EvalReport, metric: str) -> str:
    """The interval of a metric; empty if it has none."""
    return " to ".join(metric_value(metric, bound) for bound in report.intervals.get(metric, ()))


def quantile_table(report: EvalReport) -> Table | None:
    """Quantiles of a regression's errors; None if there are none."""
    regression = report.regression
    if regression is None or not regression.quantiles:
        return None
    rows = [
        ("error, predicted minus actual", *(page_number(value, 4) for value in regression.quantiles.values())),
        ("absolute error", *(page_number(value, 4) for value in regression.absolute_quantiles.values())),
    ]
    ranges = (
        f"Actual values from {page_number(regression.lowest)} to {page_number(regression.highest)}, predicted ones "
        f"from {page_number(regression.lowest_predicted)} to {page_number(regression.highest_predicted)}."
    )
    head = ("", *(f"{float(at):.0%}" for at in regression.quantiles))
    return Table(head, rows, "" if regression.lowest is None else ranges)


def class_table(classes: Sequence[ClassMetrics]) -> Table:
    """One line per class, each against the rest."""
    rows = [
        (
            text(entry.name),
            f"{entry.rows:,}",
            metric_value("prevalence", entry.prevalence),
            f"{entry.predicted:,}",
            *(metric_value(name, getattr(entry, name)) for name in CLASS_METRICS),
        )
        for entry in classes[:MOST_CLASSES]
    ]
    head = ("class", "rows", "of all", "predicted", *map(metric_name, CLASS_METRICS))
    return Table(head, rows, beyond(len(classes) - MOST_CLASSES, "class", "classes"))


def threshold_table(report: EvalReport) -> Table:
    """Every fifth threshold of the sweep."""
    head = ("threshold", *map(metric_name, THRESHOLD_METRICS), "given to the class", "right", "wrong")
    rows = [
        (
            f"{row.threshold:.2f}",
            *(metric_value("accuracy", getattr(row, name)) for name in (*THRESHOLD_METRICS, "predicted")),
            f"{row.true_positives:,}",
            f"{row.false_positives:,}",
        )
        for row in report.thresholds[::EVERY]
    ]
    return Table(head, rows)


def slice_table(report: EvalReport, part: SliceReport) -> BarTable:
    """One line per value, with a bar for the main metric, on which the value for all rows is marked."""
    main = report.target.main_metric
    names = [name for name in report.target.slice_metrics if any(name in value.metrics for value in part.values)]
    sizes = [size for value in part.values if (size := value.metrics.get(main)) is not None]
    whole = report.metrics.get(main)
    most = max([*sizes, whole or 0.0], default=0.0)
    lines = [
        BarLine(
            value.value,
            (
                f"{value.rows:,}",
                format_share(value.rows, report.rows),
                *(metric_value(name, value.metrics.get(name)) for name in names),
            ),
            bar(value.metrics.get(main), most, whole=whole, about=f"{value.value}: {value.rows:,} rows"),
        )
        for value in part.values
    ]
    total = (f"{report.rows:,}", format_share(1.0), *(metric_value(name, report.metrics.get(name)) for name in names))
    return BarTable((part.by, "rows", "of all", *map(metric_name, names), metric_name(main)), lines, total)


def importance_table(report: ImportanceReport) -> BarTable:
    """One line per column, with a bar and the deviation of its repeats."""
    most = max([0.0, *(column.drop + column.deviation for column in report.columns)])
    lines = [
        BarLine(
            column.column,
            (metric_value(report.metric, column.drop), f"± {metric_value(report.metric, column.deviation)}"),
            bar(column.drop, most, deviation=column.deviation, about=column.column),
        )
        for column in report.columns[:MOST_COLUMNS]
    ]
    head = ("column", f"{metric_name(report.metric)} worse by", "deviation", "")
    return BarTable(head, lines, beyond=beyond(len(report.columns) - MOST_COLUMNS, "column"))


@dataclass(frozen=True)
class TransposedRows:
    """Single rows, each as a column of a table.

    Attributes:
        rows: the rows.
        columns: columns of the source whose values are shown.
        beyond: says how many columns are left out.
    """

    rows: Sequence[ExtremeRow]
    columns: Sequence[str]
    beyond: str

    @classmethod
    def of(cls, rows: Sequence[ExtremeRow]) -> TransposedRows:
        """With the first `MOST_COLUMNS` columns."""
        columns = [*dict.fromkeys(name for row in rows for name in row.values)]
        return cls(rows, columns[:MOST_COLUMNS], beyond(len(columns) - MOST_COLUMNS, "column"))
