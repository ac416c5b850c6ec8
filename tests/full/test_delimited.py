"""Delimited files of every dialect, in pieces and by Spark."""

from __future__ import annotations

import pytest

from tests.support.delimited import DIALECTS, check_lines, check_records

pytestmark = [pytest.mark.full, pytest.mark.spark]


@pytest.mark.parametrize("options", DIALECTS, ids=str)
def test_lines(spark, tmp_path, options):
    check_lines(spark, tmp_path, options)


@pytest.mark.parametrize("options", DIALECTS[:6], ids=str)
def test_records(spark, tmp_path, options):
    check_records(spark, tmp_path, options)
