"""The leak audit finds what was planted, and nothing where nothing is."""

from __future__ import annotations

import pyspark.sql.functions as F
import pytest

from pipeline.contract.audit import Check, LeakAudit
from pipeline.contract.columns import ROW_ID
from pipeline.contract.label import Task
from pipeline.data import audit
from pipeline.data.audit import audit_splits, feature_check, report_audit, stored_rows
from pipeline.data.moment import TimeColumn, with_moment
from pipeline.data.split import ROW_HASH, SPLIT, VALUES, ResolvedSplit, with_group
from pipeline.errors import DataError
from tests.support.splits import with_split

pytestmark = pytest.mark.spark

ROWS = 2000
SEED = 3


def table(spark, split: ResolvedSplit, *, keys: int = ROWS, values: int = ROWS):
    """Rows of `keys` keys and `values` different contents; half as many parts a, b, c by the key."""
    rows = spark.range(ROWS).select(
        F.xxhash64(F.col("id") % keys).alias(ROW_ID),
        F.xxhash64("id").alias(ROW_HASH),
        F.xxhash64(F.col("id") % values).alias(VALUES),
        F.substring(F.lit("aaabc"), ((F.col("id") % 5) + 1).cast("int"), F.lit(1)).alias("part"),
        (F.col("id") % 50).alias("g"),
        F.date_add(F.lit("2024-01-01").cast("date"), (F.col("id") % 100).cast("int")).alias("t"),
    )
    return with_split(rows, split, seed=SEED)


def names(checks) -> list[str]:
    return [check.name for check in checks]


KEYED = ResolvedSplit("hash", key=("id",))


@pytest.mark.parametrize("level", ["full", "quick"])
def test_clean_data_passes(spark, level, monkeypatch):
    monkeypatch.setattr(audit, "QUICK_ROWS", 200)
    checks = audit_splits(table(spark, KEYED, keys=500), KEYED, total=ROWS, level=level)
    assert names(checks) == ["key in one split only", "no equal rows in several splits"]
    assert all(check.passed and check.found == 0 for check in checks)
    if level == "full":
        assert checks[0].detail == "none of 500 keys of 'id' is in more than one split"
    else:
        assert checks[0].detail.endswith("keys of 'id' looked at, one in 10 is in more than one split")


def test_a_key_in_two_splits_stops_the_job(spark):
    parts = (("a",), ("b",), ("c",))
    split = ResolvedSplit("column", key=("id",), column=("part", "part"), values=parts)
    key, row = audit_splits(table(spark, split, keys=ROWS - 2), split, total=ROWS, level="quick")
    assert (key.passed, key.severity, key.found) == (False, "error", 2)
    assert key.detail == (
        "2 of 1998 keys of 'id' are in more than one split, in 4 rows; "
        "correct column 'part' (split.column), or data.key"
    )
    assert row.passed
    with pytest.raises(DataError, match=r"^2 of 1998 keys of 'id' are in more than one split"):
        report_audit(LeakAudit(method="column", rows={}, checks=(key, row)))


def test_repeated_rows_are_a_warning(spark, caplog):
    split = KEYED
    key, row = audit_splits(table(spark, split, values=ROWS - 100), split, total=ROWS, level="full")
    assert key.passed
    assert (row.passed, row.severity) == (False, "warning")
    assert 10 < row.found < 70
    assert row.detail.startswith(f"{row.found} of 1900 different rows (features and label) are in more than one split")
    report_audit(LeakAudit(method="hash", rows={}, checks=(key, row)))
    assert f"Leak audit: {row.found} of 1900 different rows" in caplog.text


def test_groups_are_compared_whoever_decides(spark):
    groups = (("g", "g"),)
    whole = ResolvedSplit("group", groups=groups)
    checks = audit_splits(table(spark, whole), whole, total=ROWS, level="full", values=False)
    assert [(check.name, check.passed) for check in checks] == [("group in one split only", True)]
    torn = ResolvedSplit("hash", groups=groups)
    placed = with_group(table(spark, ResolvedSplit("hash")), groups)
    (group,) = audit_splits(placed, torn, total=ROWS, level="full", values=False)
    assert (group.passed, group.severity, group.found) == (False, "error", 50)
    assert "50 of 50 groups of 'g' are in more than one split, in 2000 rows" in group.detail


def test_a_key_that_is_in_several_groups_is_found(spark):
    split = ResolvedSplit("hash", key=("id",), groups=(("g", "g"),))
    key, group = audit_splits(table(spark, split, keys=30), split, total=ROWS, level="full", values=False)
    assert group.passed
    assert not key.passed
    assert key.detail.endswith("name as data.group what must stay together")


def test_time_is_in_order_and_keys_may_come_back(spark):
    time = TimeColumn("t", "t", dated=True)
    cuts = ((1, 19_723 * 86_400.0 + 50 * 86_400.0), (2, 19_723 * 86_400.0 + 80 * 86_400.0))
    split = ResolvedSplit("time", key=("id",), time=time, cuts=cuts, gap=5 * 86_400.0)
    key, row, order = audit_splits(table(spark, split, keys=70), split, total=ROWS, level="quick")
    assert (key.passed, key.severity) == (False, "warning")
    assert row.passed
    assert order.passed
    assert order.detail == (
        "train ends at 2024-02-14, validation begins at 2024-02-20; "
        "validation ends at 2024-03-15, test begins at 2024-03-21"
    )
    shuffled = with_moment(table(spark, ResolvedSplit("hash")), time)
    broken = audit_splits(shuffled, split, total=ROWS, level="quick", values=False)[-1]
    assert (broken.passed, broken.severity, broken.found) == (False, "error", 2)
    assert "train ends at 2024-04-09, validation begins at 2024-01-01" in broken.detail


def test_a_store_can_be_audited(spark):
    rows = spark.range(300).select(F.col("id").alias(ROW_ID), (F.col("id") % 100).alias("odd `name`.x"))
    parts = {"train": rows.where("__row_id < 200"), "test": rows.where("__row_id >= 199")}
    found = stored_rows(parts)
    assert {row[0] for row in found.select(SPLIT).distinct().collect()} == {0, 2}
    key, row = audit_splits(found, KEYED, total=301, level="quick")
    assert (key.found, row.found) == (1, 100)


def test_columns_that_give_the_label_away_are_named():
    check = feature_check({"x": 0.5, "b": 0.999, "a": 1.0}, Task.REGRESSION)
    assert (check.passed, check.severity, check.found) == (False, "warning", 2)
    assert check.detail == (
        "Alone, 'a' (1.0000), 'b' (0.9990) predict the label nearly perfectly (R² above 0.99). "
        "If they are known only once the label is, leave them out"
    )
    assert feature_check({"x": 0.5}, Task.BINARY).detail == "1 columns, the best with area under the ROC curve 0.5000"
    assert feature_check({}, Task.BINARY).passed


def test_the_audit_is_a_document():
    found = LeakAudit(
        method="hash", rows={"train": 1}, checks=(Check(name="a", passed=False), Check(name="b", passed=True))
    )
    assert LeakAudit.from_json(found.to_json(), "audit.json") == found
    assert names(found.errors) == ["a"]
    assert found.warnings == ()
