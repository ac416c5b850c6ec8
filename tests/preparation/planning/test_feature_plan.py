"""From a configuration and a source's columns to a plan: choices, what follows without any, and every message."""

from __future__ import annotations

import pytest

from pipeline.config.features import FeaturesConfig
from pipeline.errors import ConfigError
from pipeline.preparation.planning.feature_plan import needs_types, plan_features

TYPES = {
    "age": "integer",
    "pay_2023": "number",
    "pay_2024": "number",
    "member": "boolean",
    "city": "text",
    "zip": "text",
    "born": "date",
    "seen": "timestamp",
    "id": "integer",
    "y": "number",
}
RESERVED = ("id", "y")


def plan(types: dict = TYPES, **features):
    return plan_features(FeaturesConfig(**features), list(types), types, RESERVED)


def numbers(found) -> list[str]:
    return [feature.name for feature in found.numeric]


def texts(found) -> list[str]:
    return [feature.name for feature in found.categorical]


def message_of(types: dict = TYPES, **features) -> str:
    with pytest.raises(ConfigError) as raised:
        plan(types, **features)
    return str(raised.value)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["age"], ["age"]),
        (["pay_*"], ["pay_2023", "pay_2024"]),
        (["pay_202?", "age"], ["pay_2023", "pay_2024", "age"]),
        (["pay_202[4]"], ["pay_2024"]),
        (["type:number"], ["age", "pay_2023", "pay_2024", "member"]),
        (["type:integer"], ["age"]),
        (["type:boolean", "type:integer"], ["member", "age"]),
        (["*a*"], ["age", "pay_2023", "pay_2024"]),
        (["pay_2024", "pay_*"], ["pay_2024", "pay_2023"]),
    ],
)
def test_names_patterns_and_types(columns, found):
    types = {name: kind for name, kind in TYPES.items() if name != "city"}
    assert numbers(plan(types, numeric={"columns": columns})) == found


def test_a_pattern_leaves_what_is_named_elsewhere_and_what_an_earlier_one_took():
    found = plan(numeric=[{"columns": "pay_2024"}, {"columns": "pay_*"}, {"columns": "type:number"}])
    assert numbers(found) == ["pay_2024", "pay_2023", "age", "member"]
    found = plan(numeric={"columns": "age"}, categorical={"columns": "type:text"})
    assert texts(found) == ["city", "zip"]


def test_a_reserved_column_is_a_feature_where_it_is_named():
    assert numbers(plan(numeric={"columns": ["id", "age"]})) == ["id", "age"]


def test_a_column_may_be_called_like_a_pattern():
    types = {"a*": "number", "ab": "number", "type:text": "number", "y": "number"}
    assert numbers(plan(types, numeric={"columns": ["a*"]})) == ["a*"]
    assert numbers(plan(types, numeric={"columns": ["type:text"]})) == ["type:text"]


def test_without_features_they_follow_from_the_types():
    found = plan()
    assert needs_types(FeaturesConfig())
    dates = [f"{name}_{part}" for name in ("born", "seen") for part in ("year", "month", "weekday")]
    assert numbers(found) == ["age", "pay_2023", "pay_2024", "member", *dates]
    assert texts(found) == ["city", "zip"]
    assert {feature.group.impute for feature in found.numeric[:4]} == {"median"}
    assert {feature.group.max_categories for feature in found.categorical} == {100}
    assert [column.name for column in found.raw] == [name for name in TYPES if name not in RESERVED]


def test_derived_columns_are_features_where_none_are_named():
    found = plan(derived=[{"name": "ratio", "expression": "pay_2024 / pay_2023"}])
    assert "ratio" in numbers(found)
    assert [column.name for column in found.derived if column.name == "ratio"] == ["ratio"]


def test_a_derived_column_can_use_one_before_it_and_only_needed_ones_stay():
    derived = [
        {"name": "half", "expression": "age / 2"},
        {"name": "quarter", "expression": "half / 2"},
        {"name": "other", "expression": "upper(city)"},
    ]
    found = plan(derived=derived, numeric={"columns": "quarter"})
    assert [column.name for column in found.needed_derived] == ["half", "quarter"]


def test_indicators_and_dates_are_numbers_of_their_own():
    found = plan(
        numeric={"columns": "age", "indicator": True},
        dates={"columns": "type:date", "parts": ["month"], "cyclic": True, "since": "2020-01-01"},
    )
    assert numbers(found) == ["age", "born_month_sin", "born_month_cos", "born_since", "age_missing"]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            {"numeric": {"columns": "wage_*"}},
            "'wage_*' in features matches no column. Correct it, or leave it out; columns named elsewhere and those "
            "with another role do not count.",
        ),
        (
            {"numeric": {"columns": "type:float"}},
            "'type:float' in features names no type. Allowed: number, integer, boolean, text, date, timestamp. "
            "Received: float.",
        ),
        (
            {"numeric": {"columns": "age"}, "crosses": {"columns": ["city", "zip"], "name": "age"}},
            "There are two features called 'age'. Rename one of them.",
        ),
        (
            {"derived": {"name": "zip", "expression": "upper(city)"}, "categorical": {"columns": "zip"}},
            "Derived column 'zip' is also in the source. Rename it.",
        ),
        (
            {"numeric": {"columns": "age"}, "crosses": {"columns": ["age", "zip"]}},
            "Column 'age' is used both as a number and as a text. Derive a second column for one of the uses: "
            "CAST(x AS DOUBLE) is the number in a text.",
        ),
        (
            {"derived": {"name": "loud", "expression": "upper(city)"}, "numeric": {"columns": "loud"}},
            "Derived column 'loud' is a text. Allowed: a number. Make it categorical.",
        ),
        (
            {"derived": {"name": "half", "expression": "age / 2"}, "categorical": {"columns": "half"}},
            "Derived column 'half' is a number. Allowed: a text. Use encoding: bucketize.",
        ),
        (
            {"dates": {"columns": "born", "since": "2023-02-30"}},
            "features.dates.since: '2023-02-30' is not in the calendar. Allowed: a date such as 2024-03-01, or a "
            "column.",
        ),
        (
            {"derived": {"name": "half", "expression": "ages / 2"}, "numeric": {"columns": "half"}},
            "Derived column 'half': there is no column 'ages'. Did you mean 'age'?",
        ),
    ],
)
def test_every_message(features, message):
    assert message_of(**features) == message


def test_nothing_to_learn_from():
    assert message_of({"id": "integer", "y": "number"}) == (
        "There is no feature column. Name some under features.numeric or .categorical."
    )


def test_several_problems_are_named_together():
    text = message_of(numeric={"columns": ["x_*", "y_*"]}, dates={"columns": "born", "since": "2023-02-30"})
    assert text.startswith("The features do not fit the source (3 problems):\n  - ")
    text = message_of(derived=[{"name": "a", "expression": "b + 1"}, {"name": "c", "expression": "d + 1"}])
    assert text.startswith("Some derived columns cannot be computed (2 problems):\n  - ")


def test_an_expression_is_checked_with_the_configuration():
    with pytest.raises(ValueError, match="reflect"):
        FeaturesConfig(derived=[{"name": "a", "expression": "reflect('java.lang.System', 'exit', 1)"}])
