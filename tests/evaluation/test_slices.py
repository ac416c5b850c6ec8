"""Metrics of a slice are those of its rows alone; every row is in one part of each slice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from pipeline.evaluation.accumulator import AccumulatorSpec
from pipeline.evaluation.report.slices import SliceReport
from pipeline.evaluation.slices import NULL, OTHERS, slice_rows
from pipeline.evaluation.source_rows import LABEL, ExpressionValues
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.store_schema import ROW_ID

pytestmark = [pytest.mark.spark]

ROWS = 3000
BINARY = LabelSpec(name="y", task="binary", classes=("no", "yes"))


def made() -> pd.DataFrame:
    """Scored rows with a number, a number of few values, and a text of many values; one in ten is null or NaN."""
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, ROWS).astype(float)
    rows = pd.DataFrame({ROW_ID: np.arange(ROWS), LABEL: label})
    rows["p0"] = np.clip(generator.normal(0.4 + 0.2 * label, 0.2), 0.0, 1.0).round(3)
    rows["s0"] = np.where(np.arange(ROWS) % 10 == 0, np.nan, generator.normal(size=ROWS))
    rows["s1"] = (np.arange(ROWS) % 3 == 0).astype(float)
    texts = [f"v{int(value)}" for value in generator.geometric(0.08, ROWS)]
    rows["s3"] = 1_000_000.0 + np.arange(ROWS)
    rows["s2"] = [None if place % 10 == 0 else text for place, text in enumerate(texts)]
    return rows


@pytest.fixture(scope="module")
def sliced(_spark_of_the_session) -> tuple[SliceReport, ...]:
    rows, spark = made(), _spark_of_the_session
    predictions = spark.createDataFrame(rows[[ROW_ID, LABEL, "p0"]])
    values = spark.createDataFrame(rows[[ROW_ID, LABEL, "s0", "s1", "s2", "s3"]].iloc[5:])
    asked = ExpressionValues(values, ("x", "x > 1", "t", "code"), ("number", "number", "text", "number"), ())
    return slice_rows(predictions, asked, AccumulatorSpec.of(BINARY, groups=1))


def test_every_row_is_in_one_part(sliced) -> None:
    assert [one.by for one in sliced] == ["x", "x > 1", "t", "code"]
    assert [sum(part.rows for part in one.values) for one in sliced] == [ROWS] * 4


def test_numbers_are_cut_into_parts_of_about_one_size(sliced) -> None:
    *parts, null = sliced[0].values
    assert null.value == NULL
    assert null.rows == ROWS // 10 + 4  # four more rows are not in the source
    assert len(parts) == 5
    assert all(abs(part.rows - 0.9 * ROWS / 5) < 0.01 * ROWS for part in parts)


def test_few_numbers_are_taken_as_they_are(sliced) -> None:
    assert [part.value for part in sliced[1].values] == ["0", "1", NULL]


def test_frequent_texts_are_named_and_others_taken_together(sliced) -> None:
    names = [part.value for part in sliced[2].values]
    assert len(names) == 22
    assert names[-2:] == [OTHERS, NULL]
    rows = [part.rows for part in sliced[2].values[:20]]
    assert rows == sorted(rows, reverse=True)


def test_metrics_are_those_of_the_rows_of_the_part(sliced) -> None:
    rows = made().iloc[5:]
    for part in sliced[1].values[:2]:
        mine = rows[rows.s1 == float(part.value)]
        assert part.rows == len(mine)
        assert part.metrics["auc"] == pytest.approx(sk.roc_auc_score(mine[LABEL], mine.p0), abs=1e-12)
        assert part.metrics["log_loss"] == pytest.approx(sk.log_loss(mine[LABEL], mine.p0), abs=1e-12)
        assert part.metrics["accuracy"] == pytest.approx(sk.accuracy_score(mine[LABEL], mine.p0 >= 0.5))
    first = sliced[2].values[0]
    mine = rows[rows.s2 == first.value]
    assert first.metrics["auc"] == pytest.approx(sk.roc_auc_score(mine[LABEL], mine.p0), abs=1e-12)


def test_bounds_of_large_integers_are_written_in_full(sliced) -> None:
    first, *_ = sliced[3].values
    low, high = first.value.strip("[)").split(", ")
    assert low == "1000005"
    assert int(high) - int(low) == first.rows
