"""The functions that the tree of an expression can hold, and what they take; see `expression.py` for null and dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

Parameter = Literal["number", "text", "same", "count", "needle"]
"""What an argument has to be: a number, a text, of one type with the others called `same`, a constant whole number
from 0, a constant text."""


@dataclass(frozen=True)
class Signature:
    """The arguments and the result of a function.

    Attributes:
        result: its type; `same` is the type of the arguments called so.
        first: what the first arguments have to be.
        repeated: what further arguments have to be, any number of times.
        last: what the last argument has to be, if there is one after those.
    """

    result: Literal["number", "text", "same"]
    first: tuple[Parameter, ...]
    repeated: tuple[Parameter, ...] = ()
    last: tuple[Parameter, ...] = ()

    def parameters(self, count: int) -> tuple[Parameter, ...] | None:
        """One for each of `count` arguments; None where the function does not take so many."""
        further = count - len(self.first) - len(self.last)
        if further < 0 or (further % len(self.repeated) if self.repeated else further):
            return None
        return (*self.first, *islice(cycle(self.repeated), further), *self.last)


_NUMBERS: tuple[Parameter, ...] = ("number",)
_TEXTS: tuple[Parameter, ...] = ("text",)

FUNCTIONS: Mapping[str, Signature] = {
    # Arithmetic. `remainder` has the sign of the dividend; sums and products are made by `fold`.
    **dict.fromkeys(("add", "multiply"), Signature("number", ("number", "number"), repeated=_NUMBERS)),
    **dict.fromkeys(("divide", "remainder", "power"), Signature("number", ("number", "number"))),
    **dict.fromkeys(("negate", "abs", "sign", "sqrt", "exp", "expm1"), Signature("number", _NUMBERS)),
    **dict.fromkeys(("log", "log1p", "log2", "log10"), Signature("number", _NUMBERS)),
    **dict.fromkeys(("sin", "cos", "tan", "tanh"), Signature("number", _NUMBERS)),
    # `round` takes halves away from zero; `floor` and `ceil` are null from 2^63 on.
    **dict.fromkeys(("floor", "ceil", "round"), Signature("number", _NUMBERS)),
    # Null arguments are left out.
    **dict.fromkeys(("least", "greatest"), Signature("number", ("number", "number"), repeated=_NUMBERS)),
    # Truth. `same` is equality to which null is a value; `in` compares the first argument with the others.
    **dict.fromkeys(("and", "or"), Signature("number", ("number", "number"), repeated=_NUMBERS)),
    "not": Signature("number", _NUMBERS),
    # Texts have no order here: TensorFlow cannot compare them.
    **dict.fromkeys(("equal", "same"), Signature("number", ("same", "same"))),
    **dict.fromkeys(("less", "less_equal"), Signature("number", ("number", "number"))),
    "in": Signature("number", ("same", "same"), repeated=("same",)),
    "is_null": Signature("number", ("same",)),
    # Choice. `if` takes condition and value in turn, and what holds otherwise; an unknown condition does not hold.
    "if": Signature("same", ("number", "same"), repeated=("number", "same"), last=("same",)),
    "coalesce": Signature("same", ("same",), repeated=("same",)),
    # Text. Positions count characters (code points) from 1; only spaces are trimmed. Letters that Unicode got after
    # version 11 may keep their case in the model.
    **dict.fromkeys(("lower", "upper", "trim", "trim_left", "trim_right"), Signature("text", _TEXTS)),
    "length": Signature("number", _TEXTS),
    "substring": Signature("text", ("text", "count", "count")),
    "concat": Signature("text", ("text",), repeated=_TEXTS),
    **dict.fromkeys(("contains", "starts_with", "ends_with"), Signature("number", ("text", "needle"))),
    "to_number": Signature("number", _TEXTS),
    # Dates. `to_days` reads `20240301`, `2024-03-01`, and the latter with a time: ` 12:30` or `T12:30`, with or without
    # seconds, a fraction of up to nine digits, of which three count, and `Z` or an offset such as `+02:00`, which makes
    # it a time of UTC. Any other text is null; where it leaves a feature without a value, the row is bad
    # (`preparation/rows/date_texts.py`). A part is null beyond 2^31 days; `weekday` is 0 on Monday.
    "to_days": Signature("number", _TEXTS),
    # The ISO 8601 text of a date in a layout of `date_layout.py`; other texts stay as they are.
    "iso_date": Signature("text", ("text", "needle")),
    **dict.fromkeys(("year", "quarter", "month", "day", "weekday", "day_of_year"), Signature("number", _NUMBERS)),
    "hour": Signature("number", _NUMBERS),
}
"""The functions that a tree can hold."""

PHRASES: Mapping[Parameter, str] = {
    "number": "a number",
    "text": "a text",
    "same": "values of one type",
    "count": "a constant whole number from 0",
    "needle": "a constant text",
}
"""What each parameter wants, in words."""
