"""The leak audit finds what was planted, and nothing where nothing is."""

from __future__ import annotations

import re
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.errors import DataError
from pipeline.kinds.fitted_features import RawColumn
from pipeline.preparation.audit import leak_audit as audit
from pipeline.preparation.audit.audit_counts import count_units
from pipeline.preparation.audit.leak_audit import audit_of, report_audit
from pipeline.preparation.audit.store_audit import feature_check
from pipeline.preparation.reading.raw import RawColumns
from pipeline.preparation.rows.split import ResolvedSplit
from pipeline.preparation.rows.table import Table, TableProgram
from pipeline.preparation.rows.timestamps import TimeColumn
from pipeline.preparation.rows.typed_rows import Inputs
from pipeline.schemas.audit import Check, LeakAudit
from tests.support.rows import data_of, local_scan, rows_of

ROWS = 2000
SEED = 3


def table(split: ResolvedSplit, *, keys: int = ROWS, values: int = ROWS, key: bool = True) -> Table:
    """Rows of `keys` keys and `values` different contents; half as many parts a, b, c by the key."""
    row = np.arange(ROWS)
    frame = pd.DataFrame(
        {
            "id": row % keys,
            "x": (row % values).astype(float),
            "part": np.array(list("aaabc"))[row % 5],
            "g": row % 50,
            "t": [date(2024, 1, 1) + timedelta(days=int(i % 100)) for i in row],
            "y": 1.0,
        }
    )
    rows = pa.Table.from_pandas(frame, preserve_index=False)
    raw = RawColumns(tuple(rows.schema.names), {field.name: field.type for field in rows.schema})
    data = data_of(key="id" if key else ())
    inputs = Inputs(raw, (RawColumn(name="x", type="number"),), (), "y", None, data)
    return Table(TableProgram(inputs, (), None, split, SEED), local_scan(rows))


def audit_splits(table: Table, split: ResolvedSplit, *, total: int, level: str) -> tuple[Check, ...]:
    """As two tasks compare the splits that get half of the units each."""
    found = audit_of(split, total, level)
    met = pa.concat_tables([found.units(rows.placement) for rows in rows_of(table)])
    side = np.mod(met["id"].to_numpy(), 2) == 0
    return found.checks([count_units([met.filter(pa.array(own))]) for own in (side, ~side)])


def names(checks) -> list[str]:
    return [check.name for check in checks]


KEYED = ResolvedSplit("hash", key=("id",))


@pytest.mark.parametrize("level", ["full", "quick"])
def test_clean_data_passes(level, monkeypatch):
    monkeypatch.setattr(audit, "QUICK_ROWS", 200)
    checks = audit_splits(table(KEYED, keys=500), KEYED, total=ROWS, level=level)
    assert names(checks) == ["key in one split only", "no equal rows in several splits"]
    assert all(check.passed and check.found == 0 for check in checks)
    if level == "full":
        assert checks[0].detail == "none of 500 keys of 'id' is in more than one split"
    else:
        expected = r"checked a sample of one in 10 keys of 'id' \(\d+\): none is in more than one split"
        assert re.fullmatch(expected, checks[0].detail)


def test_a_key_in_two_splits_stops_the_job():
    parts = (("a",), ("b",), ("c",))
    split = ResolvedSplit("column", key=("id",), column="part", values=parts)
    key, row = audit_splits(table(split, keys=ROWS - 2), split, total=ROWS, level="quick")
    assert (key.passed, key.severity, key.found) == (False, "error", 2)
    assert key.detail == (
        "2 of 1,998 keys of 'id' are in more than one split, in 4 rows; "
        "correct column 'part' (split.column), or data.key"
    )
    assert row.passed
    with pytest.raises(DataError, match=r"^2 of 1,998 keys of 'id' are in more than one split"):
        report_audit(LeakAudit(method="column", rows={}, checks=(key, row)))


def test_repeated_rows_are_a_warning(caplog):
    split = KEYED
    key, row = audit_splits(table(split, values=ROWS - 100), split, total=ROWS, level="full")
    assert key.passed
    assert (row.passed, row.severity) == (False, "warning")
    assert 10 < row.found < 70
    assert row.detail.startswith(f"{row.found} of 1,900 different rows (features and label) are in more than one split")
    report_audit(LeakAudit(method="hash", rows={}, checks=(key, row)))
    assert f"Leak audit: {row.found} of 1,900 different rows" in caplog.text


def test_groups_are_compared_whoever_decides():
    whole = ResolvedSplit("group", groups=("g",))
    checks = audit_splits(table(whole, key=False), whole, total=ROWS, level="full")
    assert (checks[0].name, checks[0].passed) == ("group in one split only", True)
    torn = ResolvedSplit("hash", groups=("g",))
    by_row = ResolvedSplit("column", column="part", groups=("g",), values=(("a",), ("b",), ("c",)))
    group, *_ = audit_splits(table(by_row, key=False), torn, total=ROWS, level="full")
    assert (group.passed, group.severity, group.found) == (True, "error", 0)
    shifted = ResolvedSplit("time", groups=("g",), time=TimeColumn("t", dated=True), cuts=CUTS)
    group, *_ = audit_splits(table(shifted, key=False), torn, total=ROWS, level="full")
    assert (group.passed, group.severity, group.found) == (False, "error", 50)
    assert "50 of 50 groups of 'g' are in more than one split, in 2,000 rows" in group.detail


def test_a_key_that_is_in_several_groups_is_found():
    split = ResolvedSplit("hash", key=("id",), groups=("g",))
    key, group, _ = audit_splits(table(split, keys=30), split, total=ROWS, level="full")
    assert group.passed
    assert not key.passed
    assert key.detail.endswith("name as data.group what must stay together")


FIRST = 19_723 * 86_400.0
CUTS = ((1, FIRST + 50 * 86_400.0), (2, FIRST + 80 * 86_400.0))


def test_time_is_in_order_and_keys_may_come_back():
    time = TimeColumn("t", dated=True)
    split = ResolvedSplit("time", key=("id",), time=time, cuts=CUTS, gap=5 * 86_400.0)
    key, row, order = audit_splits(table(split, keys=70), split, total=ROWS, level="quick")
    assert (key.passed, key.severity) == (False, "warning")
    assert row.passed
    assert order.passed
    assert order.detail == (
        "train ends at 2024-02-14, validation begins at 2024-02-20; "
        "validation ends at 2024-03-15, test begins at 2024-03-21"
    )
    shuffled = ResolvedSplit("time", key=("id",), time=time, cuts=((2, CUTS[0][1]), (0, CUTS[1][1])))
    broken = audit_splits(table(shuffled), split, total=ROWS, level="quick")[-1]
    assert (broken.passed, broken.severity, broken.found) == (False, "error", 1)
    assert "train ends at 2024-04-09, test begins at 2024-02-20" in broken.detail


def test_columns_that_give_the_label_away_are_named():
    check = feature_check({"x": 0.5, "b": 0.999, "a": 1.0}, "regression")
    assert (check.passed, check.severity, check.found) == (False, "warning", 2)
    assert check.detail == (
        "Alone, 'a' (1.0000), 'b' (0.9990) predict the label nearly perfectly (R² above 0.99). "
        "If they are known only once the label is, leave them out"
    )
    assert feature_check({"x": 0.5}, "binary").detail == "1 column, the best with area under the ROC curve 0.5000"
    assert feature_check({}, "binary").passed
    assert feature_check({"a": 1.0}, "regression").detail.startswith("Alone, 'a' (1.0000) predicts the label nearly")


def test_the_audit_is_a_document():
    found = LeakAudit(
        method="hash", rows={"train": 1}, checks=(Check(name="a", passed=False), Check(name="b", passed=True))
    )
    assert LeakAudit.from_json(found.to_json(), "audit.json") == found
    assert names(found.errors) == ["a"]
    assert found.warnings == ()
