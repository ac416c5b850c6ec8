"""Expressions over columns: a small tree that is JSON at rest, executed by Spark and by Keras alike.

A value is a number (float64) or a text; either may be null. Truth is a number: 1, 0, or null for unknown, as in SQL.
A tree can only hold the functions of `FUNCTIONS`, so nothing else that Spark's SQL can do is reachable from a
configuration.

Null is what SQL makes of it: a function of null is null, except where its purpose says otherwise (`and`, `or`, `if`,
`coalesce`, `is_null`, `same`, `least`, `greatest`). A number that is NaN or infinite counts as null, in the source as
in a result: the logarithm of -1, 1 / 0 and an overflow are null. A number nearer to 0 than 2.3e-308 may count as 0:
TensorFlow flushes those.

A date is a number: days since 1970-01-01 in the proleptic Gregorian calendar, the time of day as a fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import cycle, islice
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from pipeline.schemas.document import Document

T = TypeVar("T")

ValueType = Literal["number", "text"]

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
    # Dates. `to_days` reads `2024-03-01`, `2024-03-01 12:30:00` and the latter with a fraction of up to nine digits,
    # of which three count; any other text is null. A part is null beyond 2^31 days; `weekday` is 0 on Monday.
    "to_days": Signature("number", _TEXTS),
    **dict.fromkeys(("year", "quarter", "month", "day", "weekday", "day_of_year"), Signature("number", _NUMBERS)),
    "hour": Signature("number", _NUMBERS),
}
"""The functions that a tree can hold."""

CHAIN = 32
"""Values that are added or multiplied one after the other."""

MAX_DEPTH = 30
"""Levels of a tree. sqlglot takes some 20 calls for a level, of the 1,000 that Python allows; JSON readers stop at
200 levels of theirs."""


class ColumnNode(Document):
    """A column of the source, or one that was derived before."""

    kind: Literal["column"] = "column"
    name: str
    type: ValueType


class NumberNode(Document):
    """A constant number; None is null."""

    type: ClassVar[ValueType] = "number"

    kind: Literal["number"] = "number"
    value: Annotated[float, Field(allow_inf_nan=False)] | None


class TextNode(Document):
    """A constant text; None is null."""

    type: ClassVar[ValueType] = "text"

    kind: Literal["text"] = "text"
    value: str | None


class CallNode(Document):
    """A function of `FUNCTIONS`, applied."""

    kind: Literal["call"] = "call"
    function: str
    arguments: tuple[Node, ...]

    @cached_property
    def type(self) -> ValueType:
        """Of the result."""
        signature = FUNCTIONS[self.function]
        if signature.result != "same":
            return signature.result
        parameters = signature.parameters(len(self.arguments)) or ()
        return next(a.type for a, wanted in zip(self.arguments, parameters, strict=True) if wanted == "same")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        signature = FUNCTIONS.get(self.function)
        if signature is None:
            raise ValueError(f"there is no function '{self.function}'")
        parameters = signature.parameters(len(self.arguments))
        if parameters is None:
            raise ValueError(f"{self.function} does not take {len(self.arguments)} arguments")
        for argument, wanted in zip(self.arguments, parameters, strict=True):
            if not fits(argument, wanted):
                raise ValueError(f"{self.function} needs {PHRASES[wanted]}")
        return self


Node = Annotated[ColumnNode | NumberNode | TextNode | CallNode, Field(discriminator="kind")]
CallNode.model_rebuild()


class DerivedColumn(Document):
    """A column that is computed from others.

    Attributes:
        name: of the new column.
        type: of its values.
        expression: what is computed.
    """

    name: str
    type: ValueType
    expression: Node


PHRASES: Mapping[Parameter, str] = {
    "number": "a number",
    "text": "a text",
    "same": "values of one type",
    "count": "a constant whole number from 0",
    "needle": "a constant text",
}
"""What each parameter wants, in words."""


def fits(argument: Node, wanted: Parameter) -> bool:
    """Whether an argument that has to be constant is; types are checked where an expression is parsed."""
    if wanted == "count":
        value = argument.value if isinstance(argument, NumberNode) else None
        return value is not None and value >= 0 and value.is_integer() and value < 2**31
    if wanted == "needle":
        return isinstance(argument, TextNode) and argument.value is not None
    return True


def fold(function: Callable[[T, T], T], values: Sequence[T]) -> T:
    """The first two values, that and the third, and so on; more than `CHAIN` values in blocks of so many first.

    Both sides add in this order, so their sums are equal to the last bit. A chain without blocks would be nested too
    deep for Catalyst's recursion.
    """
    if len(values) <= CHAIN:
        return reduce(function, values)
    return fold(function, [reduce(function, values[i : i + CHAIN]) for i in range(0, len(values), CHAIN)])


def columns_of(node: Node) -> Iterator[ColumnNode]:
    """Every mention of a column, from left to right."""
    match node:
        case ColumnNode():
            yield node
        case CallNode():
            for argument in node.arguments:
                yield from columns_of(argument)
