"""Says in the log which task was inferred from the label, and why."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pyarrow as pa

from pipeline.config.data import DataConfig
from pipeline.formatting import counted
from pipeline.preparation.rows.class_spellings import number_names
from pipeline.preparation.statistics.label_statistics import LabelStatistics
from pipeline.preparation.statistics.ranked_counts import CLASS, of_column
from pipeline.preparation.statistics.value_counter import summed_counts

log = logging.getLogger(__name__)

FEW_ROWS = 0.01
"""The share of rows whose labels are taken for errors where two values have all others."""
SHOWN = 3

LabelCounts = Sequence[tuple[str, int]]
"""Values of the label with their number of rows, most frequent first."""


def log_task(data: DataConfig, task: str, label: LabelStatistics, parts: Sequence[pa.Table]) -> None:
    """Log the task where it was not configured; a warning where a few rows alone make it one of more than two values.

    Args:
        data: the name of the label, and its configured task.
        task: the task that was inferred.
        label: statistics of the label.
        parts: the counts of the first pass.
    """
    if data.task != "auto":
        return
    counts = _label_counts(label, parts)
    log.info("data.task: %s, since label '%s' %s.", task, data.label, _reason(label, counts))
    others, rows = counts[2:], sum(count for _, count in counts)
    odd = sum(count for _, count in others)
    if 0 < odd <= FEW_ROWS * rows:
        log.warning(
            "All but %s of %s have one of two labels, '%s' and '%s'; the others, such as %s, make data.task: %s. "
            "Correct or remove them, or set data.task.",
            f"{odd:,}",
            counted(rows, "row"),
            counts[0][0],
            counts[1][0],
            _shown(others),
            task,
        )


def _reason(label: LabelStatistics, counts: LabelCounts) -> str:
    if label.zero_one == label.numbers and not label.is_text:
        return "is 0 or 1 in every row"
    if not counts:
        return f"has many different {'texts' if label.is_text else 'numbers'}"
    if label.is_text:
        return f"has {counted(len(counts), 'class', 'classes')}"
    others = [pair for pair in counts if pair[0] not in ("0", "1")]
    return f"has {counted(len(counts), 'number')}, among them {_shown(others)}"


def _label_counts(label: LabelStatistics, parts: Sequence[pa.Table]) -> LabelCounts:
    """Of all rows; empty where the values are too many to be counted."""
    counts = of_column(summed_counts(parts), CLASS)
    if counts["value"].null_count:
        return ()
    names = {} if label.is_text else number_names(counts["value"].unique().to_pylist())
    sums: dict[str, int] = {}
    for spelling, count in zip(counts["value"].to_pylist(), counts["count"].to_pylist(), strict=True):
        name = names.get(spelling) or spelling
        sums[name] = sums.get(name, 0) + count
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))


def _shown(counts: LabelCounts) -> str:
    """The rarest values."""
    return ", ".join(value for value, _ in counts[: -SHOWN - 1 : -1])
