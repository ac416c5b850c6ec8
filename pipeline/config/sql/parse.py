"""Spark's SQL, as far as its expressions: text to sqlglot's tree.

sqlglot knows many functions and rewrites some. Here it knows none: each call stays a call by the name that the user
wrote, which `names.py` allows or refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from sqlglot import ErrorLevel, ParseError, Token, TokenType, exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError
from sqlglot.parsers.spark import SparkParser


def parse_sql(text: str) -> exp.Expr:
    """sqlglot's tree of one expression, without comments and without a second statement.

    Raises:
        ValueError: it cannot be read.
        RecursionError: it is nested deeper than Python's stack.
    """
    dialect = _Grammar()
    try:
        tokens = dialect.tokenize(text)
        _refuse_hidden(tokens, text)
        parsed = dialect.parser(error_level=ErrorLevel.IMMEDIATE).parse_into(exp.Condition, tokens, text)
    except SqlglotError as error:
        raise ValueError(f"the expression cannot be read: {_first_error(error)}") from None
    if len(parsed) != 1 or parsed[0] is None:
        raise ValueError("the expression is empty")
    return parsed[0]


def _refuse_hidden(tokens: Sequence[Token], text: str) -> None:
    """Comments and further statements, which a reader of the configuration may overlook."""
    if any(token.comments for token in tokens) or (not tokens and text.strip()):
        raise ValueError("comments (-- and /* */) are not allowed in an expression; YAML's own begin with #")
    if any(token.token_type is TokenType.SEMICOLON for token in tokens):
        raise ValueError("';' is not allowed: an expression is one value")


def _first_error(error: SqlglotError) -> str:
    details = error.errors if isinstance(error, ParseError) else []
    if not details:
        return str(error).splitlines()[0]
    what = details[0]["description"].rstrip(".")
    # sqlglot names its own classes where an operand is missing.
    return f"{'something is missing' if '<class' in what else what}, at '{details[0]['highlight']}'"


class _Grammar(Spark):
    """Spark's operators; every function is a plain call by its name, and no keyword is one without parentheses."""

    # Spark lets a name begin with a digit; sqlglot then takes `1e3+x` for one. Such a name stands in backticks here.
    IDENTIFIERS_CAN_START_WITH_DIGIT = False

    class Parser(SparkParser):
        """See sqlglot's `Parser` for what these tables are."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {"CASE": lambda self: self._parse_case()}
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            "CAST": lambda self: self._parse_cast(False),
            "TRY_CAST": lambda self: self._parse_cast(False, safe=True),
        }
