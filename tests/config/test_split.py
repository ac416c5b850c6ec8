"""Every wrong setting of a split or of folds is named."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.config.data import DataConfig
from pipeline.config.split import FoldConfig, SplitConfig, role_problems
from pipeline.config.timestamp import axis_length, axis_position, text_of

PARTS = {"train": ["a"], "test": ["b"]}
SOURCE: Any = {"sample": "iris"}


def message_of(section: type, content: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as raised:
        section.model_validate(content)
    return str(raised.value.errors()[0]["msg"]).removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"by": "x"}, "by goes with method: stratified, not with hash"),
        ({"method": "group", "gap": "7d"}, "gap goes with method: time, not with group"),
        ({"column": "x"}, "column goes with method: column, not with hash"),
        (
            {"method": "time", "column": "x"},
            "column goes with method: column, not with time; data.time names the column of times",
        ),
        ({"method": "column", "column": "x"}, "method: column needs column and values"),
        (
            {"method": "column", "column": "x", "values": PARTS, "fractions": {"train": 0.7, "test": 0.2}},
            "fractions do not go with values; leave them out",
        ),
        (
            {"method": "time", "test_from": 5, "fractions": {"train": 0.7, "test": 0.2}},
            "fractions do not go with validation_from and test_from; leave them out",
        ),
        (
            {"method": "time", "validation_from": 5, "test_from": "2024-01-01"},
            "validation_from and test_from must both be dates or both be numbers",
        ),
        (
            {"method": "time", "validation_from": "2024-01-02", "test_from": "2024-01-01T23:00:00"},
            "validation_from must be earlier than test_from",
        ),
        (
            {"method": "time", "test_from": "2024-01-01", "gap": 7},
            "gap must be a length like 7d where the cuts are dates, and a number where they are numbers",
        ),
        ({"method": "time", "gap": "soon"}, "'soon' is not a duration. Allowed: a number and one of s, min, h, d, w, "),
        ({"method": "time", "gap": -1}, "must not be negative"),
        (
            {"method": "time", "test_from": "soon"},
            "'soon' is neither a date or time like 2024-06-30 or 2024-06-30T12:00:00, ",
        ),
        ({"method": "time", "test_from": True}, "a date and time like 2024-06-30 or 2024-06-30T12:00:00, or a number"),
        ({"method": "time", "test_from": float("nan")}, "a date and time like 2024-06-30 or "),
    ],
)
def test_settings_that_do_not_fit_are_named(content, message):
    assert message_of(SplitConfig, content).startswith(message)


def test_a_value_can_only_mean_one_split():
    values = {"train": [1, "a"], "test": 1.0}
    assert (
        message_of(SplitConfig, {"method": "column", "column": "x", "values": values}) == "value '1' is given 2 times"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"window": 2}, "window goes with method: time, not with hash"),
        ({"method": "time", "repeats": 2}, "repeats do not go with method: time"),
        (
            {"method": "leave_one_group_out", "folds": 7},
            "folds do not go with method: leave_one_group_out, which has one for each group",
        ),
        ({"method": "time", "folds": 2, "gap": 1, "borders": [1, 2]}, "2 folds with gap 1 need 3 borders"),
        ({"method": "time", "folds": 2, "borders": [1, "2024-01-01"]}, "borders must all be dates or all be numbers"),
        ({"method": "time", "folds": 2, "borders": [2, 2]}, "borders must ascend"),
    ],
)
def test_folds_that_do_not_fit_are_named(content, message):
    assert message_of(FoldConfig, content) == message


def test_random_is_another_name_for_hash():
    assert SplitConfig(method="random") == SplitConfig()
    assert FoldConfig(method="random") == FoldConfig()


def test_values_are_texts_as_categories_are():
    values = {"train": [98002, 2.0, 1.5, True, date(2024, 1, 1)], "test": "x"}
    config = SplitConfig(method="column", column="c", values=values)
    assert config.values.train == ("98002", "2", "1.5", "true", "2024-01-01")
    assert config.values.test == ("x",)


def test_dates_and_lengths_lie_on_one_axis():
    config = SplitConfig(
        method="time", validation_from=date(2024, 1, 1), test_from="2024-01-02T06:00:00+06:00", gap="36 h"
    )
    first, second = map(axis_position, config.cuts)
    assert (second - first, config.extent) == (86_400.0, 129_600.0)
    assert (text_of(first), text_of(second + 90)) == ("2024-01-01", "2024-01-02T00:01:30")
    assert (axis_length("2w"), axis_length(2.0)) == (1_209_600.0, 2.0)


def test_roles_that_a_division_needs_are_asked_for():
    bare = DataConfig(source=SOURCE, label="y")
    assert role_problems(SplitConfig(method="time"), bare) == ["method: time needs data.time; name its column there"]
    assert role_problems(FoldConfig(method="leave_one_group_out"), bare) == [
        "method: leave_one_group_out needs data.group; name its column there"
    ]
    assert role_problems(SplitConfig(method="column", column="y", values=PARTS), bare) == [
        "the label 'y' cannot tell the split"
    ]
    full = DataConfig(source=SOURCE, label="y", time="t", group="g")
    assert not role_problems(SplitConfig(method="time"), full) + role_problems(FoldConfig(method="group"), full)
