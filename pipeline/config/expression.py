"""SQL expressions of the configuration, read into the tree that Spark and Keras execute.

sqlglot parses Spark's SQL; what is allowed of it is translated (`config/sql`), and everything else is refused by name.

Differences to Spark's SQL: all numbers are double precision; TRUE is 1 and FALSE is 0; CAST of what cannot be read
is null; dates are numbers (`schemas/expression.py`), and a text is read as a date where a date is needed; names of
columns are case-sensitive.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.config.sql.calls import CALLS
from pipeline.config.sql.operands import OPERANDS
from pipeline.config.sql.operators import OPERATORS
from pipeline.config.sql.parse import parse_sql
from pipeline.config.sql.translation import Translation
from pipeline.config.sql.value import too_deep
from pipeline.schemas.expression import Node, ValueType, columns_of

MAX_LENGTH = 10_000
"""Characters of an expression."""

_HANDLERS = {**OPERATORS, **OPERANDS, **CALLS}


def parse_expression(text: str, types: Mapping[str, ValueType]) -> Node:
    """The tree of an SQL expression; its `type` is that of the result.

    Args:
        text: of the expression.
        types: of the columns that it can use.

    Raises:
        ValueError: saying what is wrong and what is allowed instead.
    """
    return _parsed(text, types)


def check_expression(text: str) -> None:
    """Check what can be checked before columns are known: syntax, functions, and types where they show.

    Raises:
        ValueError: as `parse_expression` does.
    """
    _parsed(text, None)


def _parsed(text: str, types: Mapping[str, ValueType] | None) -> Node:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the expression has {len(text):,} characters; {MAX_LENGTH:,} are allowed")
    try:
        value = Translation(types, _HANDLERS).of(parse_sql(text))
    except RecursionError:
        raise too_deep() from None
    if not any(True for _ in columns_of(value.node)):
        raise ValueError("the expression uses no column, so it is the same for every row")
    return value.node
