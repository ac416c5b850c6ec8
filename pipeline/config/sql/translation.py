"""From sqlglot's tree of an expression to ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from pipeline.config.sql.names import COMPARISONS, REFUSED, SIGNS, allowed
from pipeline.config.sql.value import Value, call_of, number
from pipeline.schemas.expression import NumberNode, ValueType

Handler = Callable[["Translation", exp.Expr], Value]
"""Translates one kind of syntax."""


@dataclass(frozen=True)
class Translation:
    """The translation of one expression.

    Attributes:
        types: of known columns; None takes every column for known, and its type for open.
        handlers: of each kind of syntax that is allowed.
    """

    types: Mapping[str, ValueType] | None
    handlers: Mapping[type[exp.Expr], Handler]

    def of(self, syntax: exp.Expr) -> Value:
        """The value of any allowed syntax.

        Raises:
            ValueError: naming what is not allowed.
        """
        while isinstance(syntax, exp.Paren):
            syntax = syntax.this
        handler = self.handlers.get(type(syntax))
        if handler is None:
            refused = REFUSED.get(type(syntax), type(syntax).__name__)
            raise ValueError(f"{refused} is not allowed in an expression. {allowed()}")
        return handler(self, syntax)

    def operand(self, outer: exp.Expr, inner: exp.Expr) -> Value:
        """An operand of a comparison; Spark and sqlglot group comparisons of comparisons differently, as readers do.

        Raises:
            ValueError: `inner` is a comparison without parentheses.
        """
        if isinstance(outer, COMPARISONS) and isinstance(inner, (*COMPARISONS, exp.Not, exp.And, exp.Or)):
            raise ValueError(f"write parentheses around {SIGNS[type(inner)]} inside {SIGNS[type(outer)]}")
        return self.of(inner)

    def call(self, function: str, arguments: Sequence[Value], label: str) -> Value:
        """A call of one of our functions, checked; `label` is what the user calls it."""
        value = call_of(function, arguments, label)
        is_open = value.type is None and self.types is not None
        return value._replace(type="number") if is_open else value

    def negated(self, value: Value) -> Value:
        """With the opposite sign."""
        if isinstance(value.node, NumberNode) and value.node.value is not None:
            return number(-value.node.value)
        return self.call("negate", [value], "-")

    def inverted(self, value: Value) -> Value:
        """The opposite truth."""
        return self.call("not", [value], "NOT")

    def days(self, value: Value) -> Value:
        """A date: a text is read as one."""
        return self.call("to_days", [value], "a date") if value.type == "text" else value


def refuse_other_parts(syntax: exp.Expr, *parts: str) -> None:
    """Refuse syntax that has more parts than these, so that nothing that was written is passed over.

    Raises:
        ValueError: naming the others.
    """
    other = [name for name, part in syntax.args.items() if part and name not in parts]
    if other:
        raise ValueError(f"{type(syntax).__name__} with {', '.join(other)} is not allowed in an expression")
