"""Expressions in the exported model, as Spark computes them when a store is written.

A number is float64 [b, 1] with NaN for null; a text is string [b, 1] with `NULL_TOKEN` for null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import keras
import tensorflow as tf

from pipeline.kinds.layer import PACKAGE
from pipeline.model.dates import DATE_PARTS, days_of_text
from pipeline.schemas.expression import CallNode, ColumnNode, DerivedColumn, Node, NumberNode, TextNode, fold
from pipeline.schemas.tokens import NULL_TOKEN

Tensor = Any
"""tf.Tensor; TensorFlow ships no types."""

NULL = float("nan")
NUMBER = r" *[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *"


@keras.saving.register_keras_serializable(PACKAGE)
class Derive(keras.layers.Layer):  # type: ignore[misc]
    """Adds derived columns: a dict of raw columns, [b, 1] each, to that dict with the new ones at its end."""

    def __init__(self, columns: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        """`columns` are `DerivedColumn`s as JSON holds them, each using raw columns and those before it."""
        # Keras would otherwise round what comes in to float32 first.
        super().__init__(autocast=False, **kwargs)
        self.columns = tuple(DerivedColumn.model_validate(column) for column in columns)

    def call(self, raw: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every value, raw ones among them."""
        # A Keras model has no layer that gives back what it got.
        tensors = {name: tf.identity(tensor) for name, tensor in raw.items()}
        for column in self.columns:
            tensors[column.name] = evaluate(column.expression, tensors)
        return tensors

    def compute_output_spec(self, raw: Mapping[str, keras.KerasTensor]) -> dict[str, keras.KerasTensor]:
        """As many rows as come in."""
        rows = next(iter(raw.values())).shape[0]
        kinds = {name: tensor.dtype for name, tensor in raw.items()}
        kinds |= {column.name: "float64" if column.type == "number" else "string" for column in self.columns}
        return {name: keras.KerasTensor((rows, 1), dtype=kind) for name, kind in kinds.items()}

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), "columns": [column.model_dump(mode="json") for column in self.columns]}


def evaluate(node: Node, tensors: Mapping[str, Tensor]) -> Tensor:
    """The value of an expression in every row.

    Args:
        node: the expression.
        tensors: float64 or string, [b, 1], by the names of columns; infinities count as null.
    """
    match node:
        case ColumnNode(name=name, type="number"):
            return _finite(tf.cast(tensors[name], tf.float64))
        case ColumnNode(name=name):
            return tensors[name]
        case NumberNode(value=number):
            return _constant(NULL if number is None else number, tf.float64, tensors)
        case TextNode(value=text):
            return _constant(NULL_TOKEN if text is None else text, tf.string, tensors)
        case CallNode(function=function, arguments=arguments):
            return _called(function, arguments, [evaluate(argument, tensors) for argument in arguments])


def _called(function: str, arguments: Sequence[Node], values: Sequence[Tensor]) -> Tensor:
    """The function of `values`, which are those of `arguments`."""
    if function in _OF_CONSTANTS:
        constants = [argument.value for argument in arguments[1:] if isinstance(argument, (NumberNode, TextNode))]
        return _null_where(_is_null(values[0]), _OF_CONSTANTS[function](values[0], *constants))
    if function in _OF_NULLS:
        return _OF_NULLS[function](*values)
    return _null_where(reduce(tf.logical_or, map(_is_null, values)), _STRICT[function](*values))


def _constant(value: Any, kind: tf.DType, tensors: Mapping[str, Tensor]) -> Tensor:
    return tf.fill(tf.shape(next(iter(tensors.values()))), tf.constant(value, kind))


def _is_null(value: Tensor) -> Tensor:
    return tf.equal(value, NULL_TOKEN) if value.dtype == tf.string else tf.math.is_nan(value)


def _null_where(unknown: Tensor, value: Tensor) -> Tensor:
    """Null also where a number is infinite; truths become numbers."""
    if value.dtype == tf.string:
        return tf.where(unknown, NULL_TOKEN, value)
    return tf.where(unknown, tf.constant(NULL, tf.float64), _finite(tf.cast(value, tf.float64)))


def _finite(number: Tensor) -> Tensor:
    return tf.where(tf.math.is_finite(number), number, tf.constant(NULL, tf.float64))


def _holds(truth: Tensor) -> Tensor:
    """Whether a truth is neither 0 nor null."""
    return tf.logical_and(tf.not_equal(truth, 0.0), tf.logical_not(tf.math.is_nan(truth)))


def _and(*truths: Tensor) -> Tensor:
    """One that is false decides; else one that is unknown."""
    is_false = reduce(tf.logical_or, [tf.equal(truth, 0.0) for truth in truths])
    unknown = reduce(tf.logical_or, map(_is_null, truths))
    return _null_where(tf.logical_and(unknown, tf.logical_not(is_false)), tf.logical_not(is_false))


def _or(*truths: Tensor) -> Tensor:
    """One that is true decides; else one that is unknown."""
    is_true = reduce(tf.logical_or, map(_holds, truths))
    unknown = reduce(tf.logical_or, map(_is_null, truths))
    return _null_where(tf.logical_and(unknown, tf.logical_not(is_true)), is_true)


def _same(left: Tensor, right: Tensor) -> Tensor:
    both = tf.logical_and(_is_null(left), _is_null(right))
    return tf.cast(tf.logical_or(both, tf.equal(left, right)), tf.float64)


def _if(*arguments: Tensor) -> Tensor:
    """Conditions and values in turn, and what holds otherwise."""
    chosen = arguments[-1]
    for condition, value in reversed(list(zip(arguments[:-1:2], arguments[1::2], strict=True))):
        chosen = tf.where(_holds(condition), value, chosen)
    return chosen


def _coalesce(*values: Tensor) -> Tensor:
    return reduce(lambda first, value: tf.where(_is_null(first), value, first), values)


def _extreme(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """Of the values that are not null."""

    def of_two(a: Tensor, b: Tensor) -> Tensor:
        return tf.where(_is_null(a), b, tf.where(_is_null(b), a, function(a, b)))

    return lambda *numbers: reduce(of_two, numbers)


def _log10(number: Tensor) -> Tensor:
    """Exact for powers of ten, as Java's is."""
    plain = tf.math.log(number) / math.log(10.0)
    whole = tf.round(plain)
    return tf.where(tf.equal(tf.pow(tf.constant(10.0, tf.float64), whole), number), whole, plain)


def _below_two_to_63(number: Tensor) -> Tensor:
    return tf.where(tf.abs(number) < 2.0**63, number, tf.constant(NULL, tf.float64))


def _round(number: Tensor) -> Tensor:
    """Halves away from zero. Adding 1/2 first would round its neighbour below up."""
    size = tf.abs(number)
    whole = tf.floor(size)
    return tf.sign(number) * (whole + tf.cast(size - whole >= 0.5, tf.float64))


def _is_in(value: Tensor, *constants: Any) -> Tensor:
    return tf.reduce_any(tf.equal(value, tf.constant([constants], value.dtype)), axis=1, keepdims=True)


def _substring(text: Tensor, start: float, length: float) -> Tensor:
    """`start` counts from 1; TensorFlow refuses one behind the end."""
    first = tf.minimum(tf.strings.length(text, unit="UTF8_CHAR"), max(int(start) - 1, 0))
    return tf.strings.substr(text, first, tf.fill(tf.shape(first), int(length)), unit="UTF8_CHAR")


def _pattern(before: str, after: str) -> Callable[[Tensor, str], Tensor]:
    """Whether a text has the constant between what the two patterns match."""

    def matches(text: Tensor, needle: str) -> Tensor:
        quoted = "".join(c if c.isalnum() or ord(c) > 127 else f"\\x{{{ord(c):x}}}" for c in needle)
        return tf.strings.regex_full_match(text, f"(?s){before}{quoted}{after}")

    return matches


def _to_number(text: Tensor) -> Tensor:
    is_number = tf.strings.regex_full_match(text, NUMBER)
    number = tf.strings.to_number(tf.where(is_number, tf.strings.strip(text), "0"), tf.float64)
    return tf.where(is_number, number, tf.constant(NULL, tf.float64))


def _without(pattern: str) -> Callable[[Tensor], Tensor]:
    return lambda text: tf.strings.regex_replace(text, pattern, "")


_OF_CONSTANTS: Mapping[str, Callable[..., Tensor]] = {
    "in": _is_in,
    "substring": _substring,
    "contains": _pattern(".*", ".*"),
    "starts_with": _pattern("", ".*"),
    "ends_with": _pattern(".*", ""),
}
"""Of a value and of constants as Python has them; null of null."""

_OF_NULLS: Mapping[str, Callable[..., Tensor]] = {
    "and": _and,
    "or": _or,
    "same": _same,
    "is_null": lambda value: tf.cast(_is_null(value), tf.float64),
    "if": _if,
    "coalesce": _coalesce,
    "least": _extreme(tf.minimum),
    "greatest": _extreme(tf.maximum),
}
"""Which see nulls."""

_STRICT: Mapping[str, Callable[..., Tensor]] = {
    "add": lambda *numbers: fold(tf.add, numbers),
    "multiply": lambda *numbers: fold(tf.multiply, numbers),
    "divide": tf.divide,
    "remainder": tf.truncatemod,
    "power": tf.pow,
    "negate": tf.negative,
    "abs": tf.abs,
    "sign": tf.sign,
    "sqrt": tf.sqrt,
    "exp": tf.exp,
    "expm1": tf.math.expm1,
    "log": tf.math.log,
    "log1p": tf.math.log1p,
    "log2": lambda number: tf.math.log(number) / math.log(2.0),
    "log10": _log10,
    "sin": tf.sin,
    "cos": tf.cos,
    "tan": tf.tan,
    "tanh": tf.tanh,
    "floor": lambda number: tf.floor(_below_two_to_63(number)),
    "ceil": lambda number: tf.math.ceil(_below_two_to_63(number)),
    "round": _round,
    "not": lambda truth: tf.equal(truth, 0.0),
    "equal": tf.equal,
    "less": tf.less,
    "less_equal": tf.less_equal,
    "lower": lambda text: tf.strings.lower(text, encoding="utf-8"),
    "upper": lambda text: tf.strings.upper(text, encoding="utf-8"),
    "trim": _without("^ +| +$"),
    "trim_left": _without("^ +"),
    "trim_right": _without(" +$"),
    "length": lambda text: tf.strings.length(text, unit="UTF8_CHAR"),
    "concat": lambda *texts: tf.strings.join(texts),
    "to_number": _to_number,
    "to_days": days_of_text,
    **DATE_PARTS,
}
"""Null of null; what they make of null themselves does not matter."""
