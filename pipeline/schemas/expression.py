"""Expressions over columns: a small tree that is JSON at rest, executed by Spark and by Keras alike.

A value is a number (float64) or a text; either may be null. Truth is a number: 1, 0, or null for unknown, as in SQL.
A tree can only hold the functions of `functions.py`, so nothing else that Spark's SQL can do is reachable from a
configuration.

Null is what SQL makes of it: a function of null is null, except where its purpose says otherwise (`and`, `or`, `if`,
`coalesce`, `is_null`, `same`, `least`, `greatest`). A number that is NaN or infinite counts as null, in the source as
in a result: the logarithm of -1, 1 / 0 and an overflow are null. A number nearer to 0 than 2.3e-308 may count as 0:
TensorFlow flushes those.

A date is a number: days since 1970-01-01 in the proleptic Gregorian calendar, the time of day as a fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, reduce
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from pipeline.schemas.document import Document
from pipeline.schemas.functions import FUNCTIONS, PHRASES, Parameter

T = TypeVar("T")

ValueType = Literal["number", "text"]

TRUTHS = frozenset(
    {"and", "or", "not", "equal", "same", "less", "less_equal", "in", "is_null", "contains", "starts_with", "ends_with"}
)
"""Functions that give a truth value."""

CHOICES = frozenset({"if", "coalesce"})
"""Functions that give one of their arguments."""

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


def is_truth(node: Node) -> bool:
    """Whether a value is always 1, 0 or null, for true, false and unknown."""
    if isinstance(node, NumberNode):
        return node.value in (0.0, 1.0, None)
    if not isinstance(node, CallNode):
        return False
    if node.function in CHOICES:
        parameters = FUNCTIONS[node.function].parameters(len(node.arguments)) or ()
        return all(is_truth(a) for a, wanted in zip(node.arguments, parameters, strict=True) if wanted == "same")
    return node.function in TRUTHS
