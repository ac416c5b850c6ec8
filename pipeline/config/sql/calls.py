"""CASE, CAST and functions of an expression."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from pipeline.config.sql.names import ARGUMENTS, PARTS, PLAIN, allowed
from pipeline.config.sql.translation import Handler, Translation, refuse_other_parts
from pipeline.config.sql.value import NULL, Value, number


def _case(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this", "ifs", "default")
    subject = translation.of(syntax.this) if syntax.this else None
    arguments: list[Value] = []
    for branch in syntax.args["ifs"]:
        refuse_other_parts(branch, "this", "true")
        condition = translation.of(branch.this)
        arguments.append(condition if subject is None else translation.call("equal", [subject, condition], "CASE"))
        arguments.append(translation.of(branch.args["true"]))
    default = syntax.args.get("default")
    return translation.call("if", [*arguments, translation.of(default) if default else NULL], "CASE")


def _cast(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this", "to", "safe")
    value, target = translation.of(syntax.this), syntax.args["to"].this
    if target in (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ):
        return translation.days(value)
    if target == exp.DType.DATE:
        return translation.call("floor", [translation.days(value)], "CAST")
    if target != exp.DType.DOUBLE:
        raise ValueError(f"CAST to {syntax.args['to'].sql('spark')} is not allowed. Allowed: DOUBLE, DATE, TIMESTAMP")
    return value if value.type == "number" else translation.call("to_number", [value], "CAST")


def _function(translation: Translation, syntax: exp.Expr) -> Value:
    refuse_other_parts(syntax, "this", "expressions")
    if not isinstance(syntax.this, str):
        raise ValueError(f"'{syntax.sql()}': the name of a function is written without quotes")
    name = syntax.this.lower()
    if name not in PLAIN and name not in PARTS and name not in ARGUMENTS:
        raise ValueError(f"the function '{syntax.this}' is not allowed in an expression. {allowed()}")
    arguments = [translation.of(argument) for argument in syntax.expressions]
    if name in ARGUMENTS:
        if len(arguments) != (count := ARGUMENTS[name]):
            raise ValueError(f"{name} takes {count} argument{'s' * (count != 1)}, not {len(arguments)}")
        return _BUILDERS[name](translation, arguments)
    if name in PARTS:
        return translation.call(PARTS[name], [translation.days(argument) for argument in arguments], name)
    return translation.call(PLAIN[name], arguments, name)


def _date(translation: Translation, arguments: Sequence[Value]) -> Value:
    return translation.call("floor", [translation.days(arguments[0])], "date")


def _timestamp(translation: Translation, arguments: Sequence[Value]) -> Value:
    return translation.days(arguments[0])


def _datediff(translation: Translation, arguments: Sequence[Value]) -> Value:
    last, first = (translation.call("floor", [translation.days(value)], "datediff") for value in arguments)
    return translation.call("add", [last, translation.negated(first)], "datediff")


def _nullif(translation: Translation, arguments: Sequence[Value]) -> Value:
    value, other = arguments
    return translation.call("if", [translation.call("equal", [value, other], "nullif"), NULL, value], "nullif")


def _if(translation: Translation, arguments: Sequence[Value]) -> Value:
    return translation.call("if", arguments, "if")


def _pi(translation: Translation, arguments: Sequence[Value]) -> Value:
    return number(math.pi)


_BUILDERS: Mapping[str, Callable[[Translation, Sequence[Value]], Value]] = {
    "date": _date,
    "to_date": _date,
    "timestamp": _timestamp,
    "to_timestamp": _timestamp,
    "datediff": _datediff,
    "nullif": _nullif,
    "if": _if,
    "pi": _pi,
}
"""Of the functions in `ARGUMENTS`."""

CALLS: Mapping[type[exp.Expr], Handler] = {
    exp.Case: _case,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Anonymous: _function,
}
