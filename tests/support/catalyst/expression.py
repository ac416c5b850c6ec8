"""Expressions of columns, as `arrays/expressions.py` computes them.

Every argument is mentioned once in what is built from it: Catalyst's trees have no names for their parts, and a
part that is mentioned twice at each level of nesting would make a tree that doubles with each level.

Nothing raises under ANSI mode, in which Spark's own casts and divisions do.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import Column

from pipeline.schemas.expression import CallNode, ColumnNode, Node, NumberNode, TextNode, ValueType, fold

DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
DATE_AND_TIME = rf"{DATE}[ T][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,9}})?)?"
ZONE = "Z|[+-](?:0[0-9]|1[0-7]):[0-5][0-9]"
NUMBER = r"^ *([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?) *\z"

MILLISECONDS_OF_A_DAY = 86_400_000.0
CLOCK_TOLERANCE = 1e-7
"""Hours that the fraction of a day may fall short of the hour that it was made of."""


def to_column(node: Node, columns: Mapping[str, Column]) -> Column:
    """What computes the expression: a double or a string.

    Args:
        node: the expression.
        columns: doubles and strings by name; NaN and infinities in a double count as null.
    """
    match node:
        case ColumnNode(name=name, type="number"):
            return _finite(columns[name].cast("double"))
        case ColumnNode(name=name):
            return columns[name].cast("string")
        case NumberNode(value=number):
            return F.lit(number).cast("double")
        case TextNode(value=text):
            return F.lit(text).cast("string")
        case CallNode(function="in", arguments=(value, *constants)):
            return _in(to_column(value, columns), constants, value.type)
        case CallNode(function=function, arguments=arguments):
            return _FUNCTIONS[function](*(to_column(argument, columns) for argument in arguments))


def _finite(number: Column) -> Column:
    """Like `finite` of `convert.py`, with one mention of the number: a remainder by infinity is the dividend, or
    NaN where that is infinite."""
    return F.nanvl(number % F.lit(float("inf")), F.lit(None).cast("double"))


def _bounded(function: Callable[..., Column]) -> Callable[..., Column]:
    """A function whose result may leave the range of doubles."""
    return lambda *arguments: _finite(function(*arguments))


def _truth(function: Callable[..., Column]) -> Callable[..., Column]:
    """A predicate: 1, 0 or null."""
    return lambda *arguments: function(*arguments).cast("double")


def _all(sign: Callable[[Any, Any], Any]) -> Callable[..., Column]:
    """An operator over truths, from left to right."""
    return _truth(lambda *truths: fold(sign, [_holds(truth) for truth in truths]))


def _chain(sign: Callable[[Any, Any], Any]) -> Callable[..., Column]:
    return _bounded(lambda *numbers: fold(sign, numbers))


def _holds(truth: Column) -> Column:
    return truth != F.lit(0.0)


def _in(value: Column, constants: Sequence[Node], kind: ValueType) -> Column:
    """Spark looks in a hash table, to which -0.0 is not 0.0; adding 0.0 makes it so."""
    plain = value + F.lit(0.0) if kind == "number" else value
    return plain.isin(*(to_column(constant, {}) for constant in constants)).cast("double")


def _if(*arguments: Column) -> Column:
    """Conditions and values in turn, and what holds otherwise."""
    conditions, values = arguments[:-1:2], arguments[1::2]
    first, *others = zip(conditions, values, strict=True)
    chosen = F.when(_holds(first[0]), first[1])
    for condition, value in others:
        chosen = chosen.when(_holds(condition), value)
    return chosen.otherwise(arguments[-1])


def _whole(rounded: Column) -> Column:
    """Double: a rounded number, which Spark gives as a long; null at the ends of longs, where it stops counting."""
    one = F.lit(1).cast("long")
    below_the_end = F.try_subtract(F.try_add(rounded, one), one)
    return F.try_add(F.try_subtract(below_the_end, one), one).cast("double")


def _floor(number: Column) -> Column:
    return _whole(F.floor(number))


def _to_number(text: Column) -> Column:
    """The text is filtered first: Spark also reads Java's literals `1d` and `NaN`."""
    return F.regexp_extract(text, NUMBER, 1).try_cast("double")


def _to_days(text: Column) -> Column:
    """Spark reads more spellings than these; the time zone is written behind, whatever that of the session is."""
    dashed = F.regexp_replace(text, r"^([0-9]{4})([0-9]{2})([0-9]{2})\z", "$1-$2-$3")
    timed = F.regexp_replace(dashed, rf"^({DATE})\z", "$1 00:00:00")
    zoned = F.regexp_replace(timed, rf"^({DATE_AND_TIME})\z", "$1Z")
    # Spark reads no zone behind a time without seconds.
    full = F.regexp_replace(zoned, rf"^({DATE}[ T][0-9]{{2}}:[0-9]{{2}})({ZONE})\z", "$1:00$2")
    exact = F.regexp_extract(full, rf"^({DATE_AND_TIME}(?:{ZONE}))\z", 1)
    instant = F.when(~exact.startswith("0000"), exact).try_cast("timestamp")
    return F.unix_millis(instant).cast("double") / F.lit(MILLISECONDS_OF_A_DAY)


def _whole_days(days: Column) -> Column:
    """Int; null where that is too small."""
    return F.floor(days).try_cast("int")


def _part(function: Callable[[Column], Column]) -> Callable[[Column], Column]:
    return lambda days: function(F.date_from_unix_date(_whole_days(days))).cast("double")


def _weekday(days: Column) -> Column:
    """1970-01-01 was a Thursday."""
    return F.pmod(_whole_days(days).cast("double") + F.lit(3.0), F.lit(7.0))


def _hour(days: Column) -> Column:
    hours = F.pmod(days, F.lit(1.0)) * F.lit(24.0) + F.lit(CLOCK_TOLERANCE)
    return F.pmod(F.floor(hours).cast("double"), F.lit(24.0))


_FUNCTIONS: Mapping[str, Callable[..., Column]] = {
    "add": _chain(operator.add),
    "multiply": _chain(operator.mul),
    "divide": _bounded(F.try_divide),
    "remainder": F.try_mod,
    "power": _bounded(F.pow),
    "negate": F.negative,
    "abs": F.abs,
    "sign": F.signum,
    "sqrt": _bounded(F.sqrt),
    "exp": _bounded(F.exp),
    "expm1": _bounded(F.expm1),
    "log": F.ln,
    "log1p": F.log1p,
    "log2": F.log2,
    "log10": F.log10,
    "sin": F.sin,
    "cos": F.cos,
    "tan": _bounded(F.tan),
    "tanh": F.tanh,
    "floor": _floor,
    "ceil": lambda number: _whole(F.ceil(number)),
    "round": lambda number: F.round(number, 0),
    "least": F.least,
    "greatest": F.greatest,
    "and": _all(operator.and_),
    "or": _all(operator.or_),
    "not": _truth(lambda truth: ~_holds(truth)),
    "equal": _truth(operator.eq),
    "less": _truth(operator.lt),
    "less_equal": _truth(operator.le),
    "same": _truth(lambda left, right: left.eqNullSafe(right)),
    "is_null": _truth(F.isnull),
    "if": _if,
    "coalesce": F.coalesce,
    "lower": F.lower,
    "upper": F.upper,
    "trim": F.trim,
    "trim_left": F.ltrim,
    "trim_right": F.rtrim,
    "length": lambda text: F.length(text).cast("double"),
    "substring": lambda text, start, length: F.substring(text, start.cast("int"), length.cast("int")),
    "concat": F.concat,
    "contains": _truth(F.contains),
    "starts_with": _truth(F.startswith),
    "ends_with": _truth(F.endswith),
    "to_number": _bounded(_to_number),
    "to_days": _to_days,
    "year": _part(F.year),
    "quarter": _part(F.quarter),
    "month": _part(F.month),
    "day": _part(F.day),
    "weekday": _weekday,
    "day_of_year": _part(F.dayofyear),
    "hour": _hour,
}
