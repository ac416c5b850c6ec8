"""Expressions over Arrow arrays, as Spark computes them (`schemas/expression.py`).

Values are equal to Spark's to the bit, with three exceptions. Logarithms, exponentials, powers and functions of angles
are numpy's, which may differ from Java's by 1e-15 of the value. Of two parts with the same summands or factors in
another order, Spark computes one for both; here each is computed in its own order. `lower` and `upper` know the
letters of Unicode 16, as in Spark; whether a sigma is a final one depends also on signs around it, of which Python
knows those of its own version of Unicode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.arrays.arithmetic import NUMERIC
from pipeline.arrays.dates import CALENDAR, days_of_text
from pipeline.arrays.logic import LOGIC, is_in
from pipeline.arrays.operands import Numbers, Value, array_of, constant_number, finite, first_of, numbers_of
from pipeline.arrays.strings import TEXTUAL, concat
from pipeline.schemas.expression import CallNode, ColumnNode, Node, NumberNode, TextNode


def evaluate(node: Node, columns: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """The value of an expression for each row.

    Args:
        node: the expression.
        columns: by name, pa.float64() and pa.string(), [rows]; NaN and infinities count as null.
        rows: of the result; a constant is repeated.

    Returns:
        pa.float64() or pa.string(), [rows]; null where SQL says so. What lies under a null is any number.
    """
    with np.errstate(all="ignore"):
        value = _value(node, columns)
    if isinstance(value, Numbers):
        return array_of(value, rows)
    return pa.repeat(value, rows) if isinstance(value, pa.Scalar) else value


def _value(node: Node, columns: Mapping[str, pa.Array]) -> Value:
    match node:
        case ColumnNode(name=name, type="number"):
            return finite(numbers_of(columns[name]))
        case ColumnNode(name=name):
            return columns[name]
        case NumberNode(value=number):
            return constant_number(number)
        case TextNode(value=text):
            return pa.scalar(text, pa.string())
        case CallNode(function=function, arguments=(value, *constants)) if function in _OF_CONSTANTS:
            return _of_constants(
                _OF_CONSTANTS[function], _value(value, columns), [_constant(constant) for constant in constants]
            )
        case CallNode(function=function, arguments=arguments):
            return _OF_VALUES[function](*(_value(argument, columns) for argument in arguments))


def _constant(node: Node) -> float | str | None:
    constant: float | str | None = evaluate(node, {}, 1)[0].as_py()
    return constant


def _of_constants(function: Callable[..., Value], value: Value, constants: Sequence[float | str | None]) -> Value:
    """A function of a value and of constants; of a text that is constant itself, the constant that it gives."""
    if not isinstance(value, pa.Scalar):
        return function(value, *constants)
    result = function(pa.array([value.as_py()], value.type), *constants)
    return first_of(result) if isinstance(result, Numbers) else result[0]


_OF_VALUES: Mapping[str, Callable[..., Value]] = {**NUMERIC, **LOGIC, **CALENDAR, "concat": concat}
"""Each of as many values as it takes."""

_OF_CONSTANTS: Mapping[str, Callable[..., Value]] = {**TEXTUAL, "to_days": days_of_text, "in": is_in}
"""Each of a value and of constants as Python has them."""
