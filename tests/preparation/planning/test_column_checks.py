"""Names of columns, compared before a row is read."""

from __future__ import annotations

import pytest

from pipeline.errors import DataError
from pipeline.preparation.planning.column_checks import HEADLESS, check_names


def message_of(names: list[str], wanted: list[str]) -> str:
    with pytest.raises(DataError) as raised:
        check_names(names, wanted)
    assert raised.value.exit_code == 3
    return str(raised.value)


def test_other_columns_and_another_order_are_fine():
    check_names(["c", "b", "a", "d", "d", ""], ["a", "b"])


def test_all_names_are_answered_at_once():
    assert message_of(["Price", "rooms", "rooms", "area", "AREA"], ["price", "rooms", "areas", "area", "AREA"]) == (
        "The source does not have the columns that the configuration names (4 problems):\n"
        "  - Column 'price' is not in the source. Names are case-sensitive: write 'Price'.\n"
        "  - Column 'rooms' appears twice in the source. Allowed: once. Rename the others.\n"
        "  - Column 'areas' is not in the source. Did you mean 'area'?\n"
        "  - Columns 'area' and 'AREA' differ by case only. Rename one; Parquet needs it."
    )


def test_a_name_like_no_other_gets_the_list():
    assert message_of(["a", "b"], ["zzz"]) == "Column 'zzz' is not in the source. Known: a, b."


@pytest.mark.parametrize(
    ("first_line", "names", "cause"),
    [
        ("price;rooms;area", ["price;rooms;area"], "data.source.separator right?"),
        ("221900,3,1180", ["221900", "3", "1180"], f"the first line a header? {HEADLESS}."),
    ],
)
def test_a_first_line_that_names_no_wanted_column_is_one_fault(first_line, names, cause):
    with pytest.raises(DataError) as raised:
        check_names(names, ["lots", "floors"], first_line)
    assert str(raised.value) == (
        "No column that the configuration names is in the source (lots, floors). "
        f"The first line is: '{first_line}'. Is {cause}"
    )


def test_a_slip_in_a_name_is_not_taken_for_a_line_without_names():
    with pytest.raises(DataError, match="Did you mean 'price'"):
        check_names(["price", "rooms"], ["prise", "lots"], "price,rooms")
