"""Names, values and numbers as pages show them: on one line, not too long, without control characters.

Nothing here escapes: templates do (see `html.py`).
"""

from __future__ import annotations

from markupsafe import Markup

from pipeline.evaluation.metric_names import is_share
from pipeline.formatting import format_number, format_share
from pipeline.schemas.tokens import CROSS_SEPARATOR, NULL_TOKEN

LONGEST, LONGEST_BESIDE_PLOT = 60, 18
"""Characters of a name on a page, and beside a plot."""
DIGITS = 5
NONE, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
EMPTY = Markup('<span class="quiet">(empty)</span>')


def short_name(name: str, longest: int = LONGEST_BESIDE_PLOT) -> str:
    """A name on one line: control characters escaped, and the middle left out if it is longer than `longest`."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)
    if len(shown) <= longest:
        return shown
    tail = longest // 3
    return f"{shown[: longest - tail - 1]}…{shown[-tail:]}"


def value_text(value: str) -> str:
    """A name or a value, with the store's tokens for nulls and crosses replaced by what people write."""
    return short_name(value.replace(NULL_TOKEN, "null").replace(CROSS_SEPARATOR, f" {TIMES} "), LONGEST)


def text(value: str) -> str:
    """The same for a cell of a table, in which an empty text is marked as such."""
    return value_text(value) or EMPTY


def sentence(content: str) -> str:
    """A sentence of ours that may quote names from the data: long words are shortened, the sentence is not."""
    return " ".join(value_text(word) for word in content.split(" ") if word)


def page_number(value: float | None, digits: int = DIGITS) -> str:
    """A number with a typographic minus sign; a dash for None."""
    return format_number(value, digits, undefined=NONE).replace("-", MINUS)


def metric_value(metric: str, value: float | None) -> str:
    """The value of a metric: a percentage for shares, about four digits for others."""
    if value is None:
        return NONE
    if metric == "r2":
        return page_number(round(value, 4))
    return format_share(value) if is_share(metric) and 0.0 <= value < 10.0 else page_number(value, 4)
