"""The description of a source as a page for people."""

from __future__ import annotations

from pipeline.formatting import format_share
from pipeline.preparation.description.table_description import TableDescription
from pipeline.report.bars import bar
from pipeline.report.html import render
from pipeline.report.profile_page import SHOWN_QUANTILES, Card
from pipeline.report.table import BarLine, BarTable, Table
from pipeline.report.text import page_number, value_text
from pipeline.schemas.target import TARGETS

SHOWN_RELATED = 50


def description_page(name: str, source: str, table: TableDescription, label: str | None) -> str:
    """One HTML document without scripts and external resources.

    Args:
        name: name of the experiment.
        source: where the rows come from.
        table: what to show.
        label: the label; None without one.
    """
    has_classes = bool(table.task) and TARGETS.get(table.task).has_classes
    measure = "area under the ROC curve, 0.5 by chance" if has_classes else "R², 0 by chance"
    return render(
        "description.html",
        name=name,
        source=source,
        label=label or "",
        table=table,
        unused={column.name: column.reason for column in table.columns if column.reason},
        measure=measure,
        related=_related(table),
        pairs=_pairs(table),
        patterns=_patterns(table),
        complete=table.sample_rows - sum(pattern.rows for pattern in table.patterns),
        cards=[Card.of(column) for column in table.texts],
        shown_quantiles=SHOWN_QUANTILES,
    )


def _related(table: TableDescription) -> BarTable:
    lines = [
        BarLine(column.name, (page_number(column.score, 4),), bar(column.score, 1.0, about="score"))
        for column in table.related[:SHOWN_RELATED]
    ]
    return BarTable(("column", "score", ""), lines)


def _pairs(table: TableDescription) -> BarTable:
    lines = [
        BarLine(
            f"{value_text(pair.first)} and {value_text(pair.second)}",
            (pair.measure, page_number(pair.value, 3), f"{pair.rows:,}"),
            bar(abs(pair.value), 1.0, about=pair.measure),
        )
        for pair in table.pairs
    ]
    return BarTable(("columns", "measure", "value", "rows", ""), lines)


def _patterns(table: TableDescription) -> Table:
    patterns = [(", ".join(map(value_text, pattern.columns)), pattern.rows) for pattern in table.patterns]
    rows = [(names, f"{rows:,}", format_share(rows, table.sample_rows)) for names, rows in patterns]
    return Table(("missing", "rows", "share"), rows)
