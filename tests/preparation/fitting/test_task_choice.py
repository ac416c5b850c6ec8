"""The log says which task was inferred, and why."""

from __future__ import annotations

import logging

import pyarrow as pa
import pytest

from pipeline.arrays.moments import Moments
from pipeline.config.data import DataConfig
from pipeline.config.source import SourceConfig
from pipeline.preparation.fitting.task_choice import log_task
from pipeline.preparation.statistics.label_statistics import LabelStatistics
from pipeline.preparation.statistics.ranked_counts import CLASS
from pipeline.preparation.statistics.value_counter import COUNTS


def said(caplog, counts: dict[str | None, int], task: str, configured: str = "auto") -> list[str]:
    """The messages for a label with these counts, spread over two groups of rows."""
    caplog.set_level(logging.INFO, "pipeline")
    rows = [
        {"column": CLASS, "group": group, "value": value, "count": part}
        for value, count in counts.items()
        for group, part in enumerate((1, count - 1))
        if part
    ]
    numbers = {value: count for value, count in counts.items() if value is None or value.replace(".", "").isdigit()}
    zero_one = numbers.get("0", 0) + numbers.get("1", 0)
    texts = sum(counts.values()) - sum(numbers.values())
    label = LabelStatistics(sum(numbers.values()), texts, zero_one, Moments(), Moments())
    data = DataConfig(source=SourceConfig(path="t.csv"), label="churned", task=configured)
    log_task(data, task, label, [pa.Table.from_pylist(rows, COUNTS)])
    return [record.getMessage() for record in caplog.records]


def test_one_stray_number_makes_a_regression(caplog):
    assert said(caplog, {"0": 4000, "1": 1999, "5": 1}, "regression") == [
        "data.task: regression, since label 'churned' has 3 numbers, among them 5.",
        "All but 1 of 6,000 rows have one of two labels, '0' and '1'; the others, such as 5, make data.task: "
        "regression. Correct or remove them, or set data.task.",
    ]


@pytest.mark.parametrize(
    ("counts", "task", "reason"),
    [
        ({"0": 40, "1": 60}, "binary", "is 0 or 1 in every row"),
        ({"no": 40, "yes": 60}, "binary", "has 2 classes"),
        ({"a": 40, "b": 60, "c": 20}, "multiclass", "has 3 classes"),
        ({"2.5": 40, "0": 60, "7": 30, "8": 50}, "regression", "has 4 numbers, among them 7, 2.5, 8"),
        ({None: 100}, "regression", "has many different numbers"),
    ],
)
def test_the_reason(caplog, counts, task, reason):
    assert said(caplog, counts, task) == [f"data.task: {task}, since label 'churned' {reason}."]


def test_a_configured_task_is_not_explained(caplog):
    assert said(caplog, {"0": 4000, "1": 1999, "5": 1}, "regression", "regression") == []
