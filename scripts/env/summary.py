"""Reads the JSON line of jobs/run.py on standard input and prints it as a table for people."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Cell = str
CHECKOUT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Print the summary of one run."""
    result = json.loads(sys.stdin.read().strip().splitlines()[-1])
    sys.stdout.write("\n" + summary(result) + "\n")


def summary(result: dict[str, Any]) -> str:
    """All of it, as lines of text."""
    parts = [
        table([("The run", "")], run_rows(result)),
        metric_table(result["evaluate"]),
        where_to_look(result),
    ]
    return "\n\n".join(parts)


def run_rows(result: dict[str, Any]) -> list[Sequence[Cell]]:
    """Rows, epochs and speed."""
    rows, trained = result["prepare"]["rows"], result["train"]
    counted = " + ".join(f"{rows[split]:,} {split}" for split in ("train", "validation", "test"))
    quarantined = rows.get("quarantined", 0)
    return [
        ("rows", counted + (f", {quarantined:,} quarantined" if quarantined else "")),
        ("ranks", str(trained.get("workers", ""))),
        ("epochs", f"{trained['epochs']} (best: {trained.get('best_epoch', '?')})"),
        ("speed", f"{trained['rows_per_second']:,.0f} rows/s, waiting for rows {trained['input_bound_percent']:.0f} %"),
        ("seconds", f"{result['seconds']:.0f}" + stage_seconds(result)),
    ]


def stage_seconds(result: dict[str, Any]) -> str:
    """How the time divides among the stages."""
    parts = [f"{stage} {result[stage]['seconds']:.0f}" for stage in ("prepare", "train", "evaluate")]
    return f" ({', '.join(parts)})"


def metric_table(evaluated: dict[str, Any]) -> str:
    """The test metrics that one looks at first, those of each simple model beside them, and who is better."""
    metrics, simple = evaluated["metrics"], evaluated.get("baselines") or {}
    columns = [("Test split", ""), ("network", ">"), *((name, ">") for name in simple), ("", "<")]
    rows = []
    for name in [known for known in FIRST if known in metrics] or metrics:
        others = [values.get(name) for values in simple.values()]
        linear = simple.get("linear", {}).get(name)
        rows.append((name, *map(number, (metrics[name], *others)), compared(name, metrics[name], linear)))
    return table(columns, rows)


LOWER_IS_BETTER = ("rmse", "mae", "median_absolute_error", "mape", "log_loss")
HIGHER_IS_BETTER = ("r2", "auc", "accuracy", "f1", "f1_macro", "balanced_accuracy", "average_precision")
FIRST = (*LOWER_IS_BETTER, *HIGHER_IS_BETTER)
"""Metrics that one looks at first, in their order."""


def compared(name: str, value: float | None, other: float | None) -> str:
    """A word on the comparison with the linear model, where the metric's direction is known."""
    if value is None or other is None or name not in FIRST:
        return ""
    if value == other:
        return "the same"
    better = (value < other) == (name in LOWER_IS_BETTER)
    return "better than linear" if better else "worse than linear"


def number(value: float | None) -> str:
    """Four digits that count; a dash where there is no number."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def where_to_look(result: dict[str, Any]) -> str:
    """What to open next."""
    model = result["train"]["model"]
    return f"Model  {model}\nRuns   ./scripts/mlflow-ui{root_option(model)}   (this one: {result['run_id']})"


def root_option(model: str) -> str:
    """The storage root, for scripts/mlflow-ui, unless it is the one that it opens by itself.

    Args:
        model: URI of the model file, `<root>/models/<name>/<model_id>/<folder>/<file>`.
    """
    root = Path(model.removeprefix("file://")).parents[4]
    return "" if root == CHECKOUT / "artifacts" else f" --root {shlex.quote(str(root))}"


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Cell]]) -> str:
    """Aligned text: a ruled headline, then one line a row.

    Args:
        columns: of each its title and its alignment, `<` or `>`; titles may be empty.
        rows: cells; a first column and any more.
    """
    rows = list(rows)
    count = max((len(row) for row in rows), default=len(columns))
    titles = [columns[i][0] if i < len(columns) else "" for i in range(count)]
    aligned = [(columns[i][1] if i < len(columns) else "") or "<" for i in range(count)]
    widths = [max(len(line[i]) for line in [titles, *rows]) for i in range(count)]
    lines = [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, aligned, widths, strict=True)).rstrip()
        for line in [titles, *rows]
    ]
    rule = "-" * max(len(line) for line in lines)
    return "\n".join([lines[0], rule, *lines[1:]])


if __name__ == "__main__":
    main()
