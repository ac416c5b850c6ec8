"""The functions of expressions in the exported model, as Spark computes them.

A number is float64 [b, 1] with NaN for null; a text is string [b, 1] with `NULL_TOKEN` for null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import tensorflow as tf

from pipeline.model.dates import DATE_PARTS, days_of_text
from pipeline.schemas.date_layout import PADDING, UNPADDED, date_layout
from pipeline.schemas.expression import fold
from pipeline.schemas.tokens import NULL_TOKEN

Tensor = Any
"""tf.Tensor; TensorFlow ships no types."""
NULL = float("nan")
NUMBER = r" *[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *"


def is_null(value: Tensor) -> Tensor:
    """Whether each value is null."""
    return tf.equal(value, NULL_TOKEN) if value.dtype == tf.string else tf.math.is_nan(value)


def null_where(unknown: Tensor, value: Tensor) -> Tensor:
    """Null where `unknown` says so, and where a number is infinite; truths become numbers."""
    if value.dtype == tf.string:
        return tf.where(unknown, NULL_TOKEN, value)
    return tf.where(unknown, tf.constant(NULL, tf.float64), finite(tf.cast(value, tf.float64)))


def finite(number: Tensor) -> Tensor:
    """The number; null where it is infinite."""
    return tf.where(tf.math.is_finite(number), number, tf.constant(NULL, tf.float64))


def _holds(truth: Tensor) -> Tensor:
    """Whether a truth value is neither 0 nor null."""
    return tf.logical_and(tf.not_equal(truth, 0.0), tf.logical_not(tf.math.is_nan(truth)))


def _and(*truths: Tensor) -> Tensor:
    """False if any is false, else null if any is null."""
    is_false = reduce(tf.logical_or, [tf.equal(truth, 0.0) for truth in truths])
    unknown = reduce(tf.logical_or, map(is_null, truths))
    return null_where(tf.logical_and(unknown, tf.logical_not(is_false)), tf.logical_not(is_false))


def _or(*truths: Tensor) -> Tensor:
    """True if any is true, else null if any is null."""
    is_true = reduce(tf.logical_or, map(_holds, truths))
    unknown = reduce(tf.logical_or, map(is_null, truths))
    return null_where(tf.logical_and(unknown, tf.logical_not(is_true)), is_true)


def _same(left: Tensor, right: Tensor) -> Tensor:
    both = tf.logical_and(is_null(left), is_null(right))
    return tf.cast(tf.logical_or(both, tf.equal(left, right)), tf.float64)


def _if(*arguments: Tensor) -> Tensor:
    """The value of the first condition that holds; conditions and values alternate, and the default is last."""
    chosen = arguments[-1]
    for condition, value in reversed(list(zip(arguments[:-1:2], arguments[1::2], strict=True))):
        chosen = tf.where(_holds(condition), value, chosen)
    return chosen


def _coalesce(*values: Tensor) -> Tensor:
    return reduce(lambda first, value: tf.where(is_null(first), value, first), values)


def _extreme(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The smallest or largest value that is not null."""

    def of_two(a: Tensor, b: Tensor) -> Tensor:
        return tf.where(is_null(a), b, tf.where(is_null(b), a, function(a, b)))

    return lambda *numbers: reduce(of_two, numbers)


def _log10(number: Tensor) -> Tensor:
    """Exact for powers of ten, like Java's."""
    plain = tf.math.log(number) / math.log(10.0)
    whole = tf.round(plain)
    return tf.where(tf.equal(tf.pow(tf.constant(10.0, tf.float64), whole), number), whole, plain)


def _below_two_to_63(number: Tensor) -> Tensor:
    return tf.where(tf.abs(number) < 2.0**63, number, tf.constant(NULL, tf.float64))


def _round(number: Tensor) -> Tensor:
    """Rounds halves away from zero. Adding 1/2 first would round up the largest double below 1/2."""
    size = tf.abs(number)
    whole = tf.floor(size)
    return tf.sign(number) * (whole + tf.cast(size - whole >= 0.5, tf.float64))


def _is_in(value: Tensor, *constants: Any) -> Tensor:
    return tf.reduce_any(tf.equal(value, tf.constant([constants], value.dtype)), axis=1, keepdims=True)


def _substring(text: Tensor, start: float, length: float) -> Tensor:
    """`start` counts from 1; TensorFlow refuses one beyond the end."""
    first = tf.minimum(tf.strings.length(text, unit="UTF8_CHAR"), max(int(start) - 1, 0))
    return tf.strings.substr(text, first, tf.fill(tf.shape(first), int(length)), unit="UTF8_CHAR")


def _pattern(before: str, after: str) -> Callable[[Tensor, str], Tensor]:
    """A function that tells whether a text is a constant between matches of two patterns."""

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


def _iso_date(text: Tensor, layout: str) -> Tensor:
    found = date_layout(layout)
    iso = tf.strings.regex_replace(text, found.pattern, found.rewrite)
    return tf.where(tf.equal(iso, text), text, tf.strings.regex_replace(iso, PADDING, UNPADDED))


OF_CONSTANTS: Mapping[str, Callable[..., Tensor]] = {
    "in": _is_in,
    "substring": _substring,
    "contains": _pattern(".*", ".*"),
    "starts_with": _pattern("", ".*"),
    "ends_with": _pattern(".*", ""),
    "iso_date": _iso_date,
}
"""Functions of a value and Python constants; they give null for null."""
OF_NULLS: Mapping[str, Callable[..., Tensor]] = {
    "and": _and,
    "or": _or,
    "same": _same,
    "is_null": lambda value: tf.cast(is_null(value), tf.float64),
    "if": _if,
    "coalesce": _coalesce,
    "least": _extreme(tf.minimum),
    "greatest": _extreme(tf.maximum),
}
"""Functions that see nulls."""
STRICT: Mapping[str, Callable[..., Tensor]] = {
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
"""Functions that give null if an argument is null, whatever they compute from it."""
