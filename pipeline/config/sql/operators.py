"""Operators of an expression."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from pipeline.config.sql.names import BINARY, CHAINS, LIKE, SIGNS
from pipeline.config.sql.translation import Handler, Translation, refuse_other_parts
from pipeline.config.sql.value import Value
from pipeline.schemas.expression import NumberNode, TextNode


def _chain(translation: Translation, syntax: exp.Expr) -> Value:
    """`a + b - c` is one sum, however long: chains of one operator are not nested."""
    terms: list[Value] = []
    function, label = CHAINS[type(syntax)], SIGNS[type(syntax)]
    while CHAINS.get(type(syntax)) == function:
        refuse_other_parts(syntax, "this", "expression", "safe")
        term = translation.of(syntax.expression)
        terms.append(translation.negated(term) if isinstance(syntax, exp.Sub) else term)
        syntax = syntax.this
    return translation.call(function, [translation.of(syntax), *reversed(terms)], label)


def _binary(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this", "expression", "typed", "safe")
    left, right = translation.operand(syntax, syntax.this), translation.operand(syntax, syntax.expression)
    if isinstance(syntax, (exp.GT, exp.GTE)):
        left, right = right, left
    value = translation.call(BINARY[type(syntax)], [left, right], SIGNS[type(syntax)])
    return translation.inverted(value) if isinstance(syntax, exp.NEQ) else value


def _negation(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this")
    return translation.negated(translation.of(syntax.this))


def _negated_truth(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this")
    return translation.inverted(translation.of(syntax.this))


def _is(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this", "expression")
    if not isinstance(syntax.expression, exp.Null):
        raise ValueError("IS is followed by NULL or NOT NULL")
    return translation.call("is_null", [translation.operand(syntax, syntax.this)], "IS NULL")


def _in(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this", "expressions")
    values = [translation.of(value) for value in syntax.expressions]
    if not values or any(not isinstance(v.node, (NumberNode, TextNode)) or v.node.value is None for v in values):
        raise ValueError("IN is followed by constants in parentheses, none of them NULL")
    return translation.call("in", [translation.operand(syntax, syntax.this), *values], "IN")


def _between(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this", "low", "high")
    value, low, high = (translation.operand(syntax, syntax.args[part]) for part in ("this", "low", "high"))
    bounds = [translation.call("less_equal", pair, "BETWEEN") for pair in ((low, value), (value, high))]
    return translation.call("and", bounds, "BETWEEN")


def _like(translation: Translation, syntax: exp.Expr) -> Value:
    """Patterns with `%` at their ends only."""
    refuse_other_parts(syntax, "this", "expression", "negate")
    value, pattern = translation.operand(syntax, syntax.this), translation.of(syntax.expression).node
    text = pattern.value if isinstance(pattern, TextNode) else None
    needle = text.strip("%") if text else text
    if needle is None or set("%_\\") & set(needle):
        raise ValueError("LIKE takes a constant text with % at its ends only: 'a%', '%a', '%a%'")
    ends = (text.startswith("%"), text.endswith("%")) if text else (False, False)
    match = translation.call(LIKE[ends], [value, Value(TextNode(value=needle), "text")], "LIKE")
    return translation.inverted(match) if syntax.args.get("negate") else match


OPERATORS: Mapping[type[exp.Expr], Handler] = {
    **dict.fromkeys(CHAINS, _chain),
    **dict.fromkeys(BINARY, _binary),
    exp.Neg: _negation,
    exp.Not: _negated_truth,
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like,
}
