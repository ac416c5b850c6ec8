"""Names of columns, compared before a row is read."""

from __future__ import annotations

import pytest

from pipeline.errors import DataError
from pipeline.preparation.planning.column_checks import check_names


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
        "  - Column 'price' is not in the source. Names are compared with their case: write 'Price'.\n"
        "  - Column 'rooms' is in the source 2 times. Allowed: once. Rename the others.\n"
        "  - Column 'areas' is not in the source. Did you mean 'area'?\n"
        "  - Columns 'area' and 'AREA' differ by case only. Rename one; Parquet needs it."
    )


def test_a_name_like_no_other_gets_the_list():
    assert message_of(["a", "b"], ["zzz"]) == "Column 'zzz' is not in the source. Known: a, b."
