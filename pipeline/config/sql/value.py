"""Parts of an expression, translated and typed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.schemas.expression import MAX_DEPTH, CallNode, ColumnNode, Node, NumberNode, TextNode, ValueType, fits
from pipeline.schemas.functions import FUNCTIONS, PHRASES, Parameter

MAX_NODES = 2_000
"""Constants, columns and calls of an expression, those that BETWEEN, NULLIF and CASE x WHEN repeat included."""

_IN_PARTS = "Derive a column from a part of it first"


class Value(NamedTuple):
    """A part of an expression, translated.

    Attributes:
        node: the tree.
        type: None where it is open: of NULL, and of a column where columns are not known.
        depth: levels of the tree.
        size: nodes of the tree.
    """

    node: Node
    type: ValueType | None
    depth: int = 1
    size: int = 1


NULL = Value(NumberNode(value=None), None)


def call_of(function: str, arguments: Sequence[Value], label: str) -> Value:
    """A call of one of our functions, checked.

    Args:
        function: see `FUNCTIONS`.
        arguments: as many as it takes.
        label: what the user calls it.

    Returns:
        Of a type that is open where that of the arguments is, and the function's is theirs.

    Raises:
        ValueError: the function does not take these arguments, or the expression is too large with them.
    """
    signature = FUNCTIONS[function]
    parameters = signature.parameters(len(arguments))
    if parameters is None:
        raise ValueError(f"{label} does not take {len(arguments)} argument{'s' * (len(arguments) != 1)}")
    same = _common_type(parameters, arguments, label)
    for position, (wanted, value) in enumerate(zip(parameters, arguments, strict=True), start=1):
        _check_argument(wanted, value, label, position)
    values = [_closed(v, same if p == "same" else _type_of(p)) for p, v in zip(parameters, arguments, strict=True)]
    depth, size = 1 + max(value.depth for value in values), 1 + sum(value.size for value in values)
    if depth > MAX_DEPTH:
        raise too_deep()
    if size > MAX_NODES:
        raise ValueError(f"the expression has more than {MAX_NODES:,} parts. {_IN_PARTS}")
    node = CallNode(function=function, arguments=tuple(value.node for value in values))
    return Value(node, same if signature.result == "same" else signature.result, depth, size)


def too_deep() -> ValueError:
    """The error of an expression that is nested too deeply."""
    return ValueError(f"the expression is nested deeper than {MAX_DEPTH} levels. {_IN_PARTS}")


def number(value: float) -> Value:
    """A constant.

    Raises:
        ValueError: it is not finite.
    """
    if not math.isfinite(value):
        raise ValueError("a number is too large for double precision")
    # 0.0 and -0.0 are one number; adding 0.0 leaves the former.
    return Value(NumberNode(value=value + 0.0), "number")


def _type_of(wanted: Parameter) -> ValueType:
    return "text" if wanted in ("text", "needle") else "number"


def _closed(value: Value, wanted: ValueType | None) -> Value:
    """NULL takes the type that is wanted."""
    is_null = isinstance(value.node, NumberNode) and value.type is None
    return value._replace(node=TextNode(value=None)) if is_null and wanted == "text" else value


def _common_type(parameters: Sequence[Parameter], arguments: Sequence[Value], label: str) -> ValueType | None:
    """The type of the arguments that have one; None where none has."""
    types = {v.type for p, v in zip(parameters, arguments, strict=True) if p == "same" and v.type is not None}
    if len(types) > 1:
        raise ValueError(f"{label} needs values of one type, not a number and a text. CAST(x AS DOUBLE) reads a text")
    return next(iter(types), None)


def _check_argument(wanted: Parameter, value: Value, label: str, position: int) -> None:
    if not fits(value.node, wanted):
        raise ValueError(f"argument {position} of {label} has to be {PHRASES[wanted]}")
    if wanted == "same" or value.type in (None, _type_of(wanted)):
        return
    remedy = ". CAST(x AS DOUBLE) reads a text" if value.type == "text" else ""
    raise ValueError(
        f"{label} needs {PHRASES[wanted]}, but {_described(value.node, position)} is a {value.type}{remedy}"
    )


def _described(node: Node, position: int) -> str:
    match node:
        case ColumnNode():
            return f"column '{node.name}'"
        case TextNode() | NumberNode():
            return repr(node.value)
        case _:
            return f"argument {position}"
