"""Dates taken apart."""

from __future__ import annotations

import pytest

from pipeline.kinds.date.config import DateConfig
from pipeline.kinds.date.parts import PERIODS, dates_of
from pipeline.schemas.expression import ColumnNode, columns_of

PARTS = ("year", "quarter", "month", "day", "weekday", "day_of_year", "hour", "days")


def test_each_column_has_its_parts_in_order():
    derived = dates_of(DateConfig(columns=("sold", "built"), parts=("year", "month")))

    assert [column.name for column in derived] == ["sold_year", "sold_month", "built_year", "built_month"]
    assert {column.type for column in derived} == {"number"}
    assert list(columns_of(derived[0].expression)) == [ColumnNode(name="sold", type="text")]


def test_parts_that_come_round_are_pairs():
    names = [column.name for column in dates_of(DateConfig(columns=("d",), parts=PARTS, cyclic=True))]

    assert [name for name in names if not name.endswith(("_sin", "_cos"))] == ["d_year", "d_days"]
    assert len(names) == 2 + 2 * len(PERIODS)


def test_columns_that_were_chosen_by_a_pattern_are_given():
    derived = dates_of(DateConfig(columns=("d*",), parts=("year",)), ("d1", "d2"))

    assert [column.name for column in derived] == ["d1_year", "d2_year"]


def test_since_is_a_column_or_a_date():
    by_column, by_date = (
        dates_of(DateConfig(columns=("sold",), parts=("year",), since=since))[-1] for since in ("built", "2020-02-29")
    )

    assert by_column.name == by_date.name == "sold_since"
    assert [column.name for column in columns_of(by_column.expression)] == ["sold", "built"]
    assert [column.name for column in columns_of(by_date.expression)] == ["sold"]


def test_since_that_is_in_no_calendar_is_refused():
    with pytest.raises(ValueError, match="'2023-02-30' is not in the calendar"):
        dates_of(DateConfig(columns=("d",), since="2023-02-30"))
