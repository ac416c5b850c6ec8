"""Folds are audited like the splits of a store: what is planted is found, and nothing where nothing is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.schemas.audit import LeakAudit
from pipeline.store.layout import AUDIT
from tests.preparation.writing.test_fold_stores import ROWS, folds_of, table
from tests.support.store_specs import spec_for

pytestmark = pytest.mark.spark


def audit_of(spark, tmp_path: Path, folds: dict, rows: pd.DataFrame | None = None, **given) -> LeakAudit:
    """What is published beside the folds."""
    (table() if rows is None else rows).to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(tmp_path / "t.parquet", numeric=["x"], **given)
    _, stores = folds_of(spark, store_spec, folds, tmp_path / "r")
    return LeakAudit.from_json(Path(stores[0].path.folder.path, AUDIT).read_bytes(), AUDIT)


def test_each_division_is_looked_at(spark, tmp_path):
    audit = audit_of(spark, tmp_path, {"folds": 3, "repeats": 2}, key="id")
    assert [(check.name, check.passed) for check in audit.checks] == [
        ("division 1: key in one part only", True),
        ("division 1: no equal rows in several parts", True),
        ("division 2: key in one part only", True),
        ("division 2: no equal rows in several parts", True),
    ]
    divided = audit.rows["divided"]
    assert divided + audit.rows["apart"] == ROWS
    assert audit.checks[2].detail == f"division 2: none of {divided} keys of 'id' is in more than one part"


def test_equal_rows_in_several_parts_are_a_warning(spark, tmp_path, caplog):
    pair = np.arange(ROWS) // 2
    rows = table().assign(x=pair, y=pair * 7919 % 1000)
    audit = audit_of(spark, tmp_path, {"folds": 3}, rows, key="id")
    (row,) = audit.warnings
    # Of those pairs of which both rows are divided, two of three.
    assert 50 < row.found < ROWS / 3
    assert f"Leak audit: {row.found} of " in caplog.text
    assert "different rows (features and label) are in more than one part" in caplog.text


def test_periods_are_in_order(spark, tmp_path):
    audit = audit_of(spark, tmp_path, {"method": "time", "folds": 2, "borders": [400, 700]}, time="t")
    assert audit.cuts == {"period 2": "400", "period 3": "700"}
    assert audit.checks[-1].passed
    assert audit.checks[-1].detail == (
        "period 1 ends at 396, period 2 begins at 400; period 2 ends at 697, period 3 begins at 700"
    )


@pytest.mark.parametrize("folds", [{"method": "group", "folds": 3}, {"method": "leave_one_group_out"}])
def test_a_key_in_groups_of_several_parts_stops_the_job(spark, tmp_path, folds):
    rows = table().assign(id=np.arange(ROWS) // 2)
    with pytest.raises(DataError, match=r"keys of 'id' are in more than one part, .*; name as data.group what must"):
        audit_of(spark, tmp_path, folds, rows, key="id", group="g")
    assert not (tmp_path / "r" / "stores").exists()
