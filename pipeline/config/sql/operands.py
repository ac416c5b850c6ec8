"""Columns and constants of an expression."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from pipeline.config.sql.translation import Handler, Translation
from pipeline.config.sql.value import NULL, Value, number
from pipeline.errors import nearest
from pipeline.schemas.expression import ColumnNode, TextNode


def _column(translation: Translation, syntax: exp.Expr) -> Value:
    if len([part for part in syntax.args.values() if part]) > 1:
        raise ValueError(f"'{syntax.sql()}' is not a column. A name with a dot is written in backticks: `a.b`")
    if not isinstance(syntax.this, exp.Identifier):
        return translation.of(syntax.this)
    name = syntax.name
    if translation.types is None:
        return Value(ColumnNode(name=name, type="number"), None)
    if name not in translation.types:
        raise ValueError(f"there is no column '{name}'. {nearest(name, list(translation.types))}")
    return Value(ColumnNode(name=name, type=translation.types[name]), translation.types[name])


def _literal(translation: Translation, syntax: exp.Expr) -> Value:
    text = str(syntax.this)
    if not syntax.args.get("is_string"):
        return number(_float(text))
    if "\x00" in text:
        raise ValueError("a text cannot hold the character NUL")
    return Value(TextNode(value=text), "text")


def _null(translation: Translation, syntax: exp.Expr) -> Value:
    return NULL


def _truth(translation: Translation, syntax: exp.Expr) -> Value:
    return number(1.0 if syntax.this else 0.0)


def _float(text: str) -> float:
    """sqlglot takes `1e3+1` for one number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number. Write spaces around signs") from None


OPERANDS: Mapping[type[exp.Expr], Handler] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Null: _null,
    exp.Boolean: _truth,
}
