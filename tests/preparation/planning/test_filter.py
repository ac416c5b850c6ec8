"""What `data.filter` may give."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.preparation.planning.open_dataset import _filter as parsed_filter

TYPES = {"x": "number", "c": "text"}


@pytest.mark.parametrize(
    "text",
    [
        *("x > 1", "x <> 1", "NOT (x BETWEEN 1 AND 2)", "c IS NULL", "c IN ('a', 'b') OR x = 1", "c LIKE 'a%'"),
        *("coalesce(x > 1, FALSE)", "CASE WHEN x > 1 THEN c = 'a' ELSE TRUE END", "x <=> NULL"),
    ],
)
def test_what_is_true_or_false(text):
    assert parsed_filter(text, TYPES) is not None


@pytest.mark.parametrize(
    ("text", "type", "remedy"),
    [
        *((text, "number", " Compare the number, as in 'x > 0'.") for text in ("x", "x + 1", "coalesce(x, 0)")),
        *((text, "number", " Compare the number, as in 'x > 0'.") for text in ("length(c)", "if(x > 1, 2, 0)")),
        *((text, "text", "") for text in ("c", "concat(c, 'a')")),
    ],
)
def test_what_is_neither(text, type, remedy):
    with pytest.raises(ConfigError) as raised:
        parsed_filter(text, TYPES)
    expected = f"data.filter: the expression gives a {type}. Allowed: something that is true or false.{remedy}"
    assert str(raised.value) == expected
