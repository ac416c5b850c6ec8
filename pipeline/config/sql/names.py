"""What users write in an expression, and which of our functions stands for it.

A call is looked up by the name that the user wrote, in the tables below, so that no other function of Spark can be
reached.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

_UNCHANGED = (
    *("abs", "sign", "sqrt", "exp", "log", "log10", "log2", "log1p", "expm1", "power", "floor", "ceil", "round"),
    *("sin", "cos", "tan", "tanh", "least", "greatest", "coalesce"),
    *("lower", "upper", "trim", "length", "substring", "concat", "contains"),
)
PLAIN: Mapping[str, str] = {
    **{name: name for name in _UNCHANGED},
    "ln": "log",
    "pow": "power",
    "mod": "remainder",
    "signum": "sign",
    "ceiling": "ceil",
    "substr": "substring",
    "ltrim": "trim_left",
    "rtrim": "trim_right",
    "startswith": "starts_with",
    "endswith": "ends_with",
}
PARTS: Mapping[str, str] = {
    **{name: name for name in ("year", "quarter", "month", "day", "weekday", "hour")},
    "dayofmonth": "day",
    "dayofyear": "day_of_year",
}

BINARY: Mapping[type[exp.Expr], str] = {
    exp.Div: "divide",
    exp.Mod: "remainder",
    exp.EQ: "equal",
    exp.NEQ: "equal",
    exp.NullSafeEQ: "same",
    exp.LT: "less",
    exp.LTE: "less_equal",
    exp.GT: "less",
    exp.GTE: "less_equal",
}
SIGNS: Mapping[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.Neg: "-",
    exp.And: "AND",
    exp.Or: "OR",
    exp.Not: "NOT",
    exp.DPipe: "||",
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.NullSafeEQ: "<=>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.Is: "IS NULL",
    exp.In: "IN",
    exp.Between: "BETWEEN",
    exp.Like: "LIKE",
}
CHAINS: Mapping[type[exp.Expr], str] = {
    exp.Add: "add",
    exp.Sub: "add",
    exp.Mul: "multiply",
    exp.And: "and",
    exp.Or: "or",
    exp.DPipe: "concat",
}
LIKE: Mapping[tuple[bool, bool], str] = {
    (False, False): "equal",
    (False, True): "starts_with",
    (True, False): "ends_with",
    (True, True): "contains",
}
"""Functions by whether the pattern has a % at its start and at its end."""

COMPARISONS = (
    exp.EQ,
    exp.NEQ,
    exp.NullSafeEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Like,
)
REFUSED: Mapping[type[exp.Expr], str] = {
    exp.Subquery: "a subquery",
    exp.Select: "a subquery",
    exp.Exists: "a subquery",
    exp.Window: "a window function",
    exp.Filter: "an aggregate",
    exp.WithinGroup: "an aggregate",
    exp.Distinct: "DISTINCT",
    exp.Star: "*",
    exp.Lambda: "a lambda function",
    exp.JSONExtract: "a lambda function",
    exp.Dot: "access to a struct or a schema",
    exp.Bracket: "access to an array or a map",
    exp.Alias: "a name for the result",
    exp.Concat: "a text next to a text (a quote inside a text is \\')",
    exp.RawString: "a raw text",
    exp.HexString: "a hexadecimal text",
    exp.IntDiv: "DIV",
    exp.RegexpLike: "RLIKE",
    exp.ILike: "ILIKE",
    exp.Interval: "INTERVAL",
    exp.Placeholder: "a parameter",
    exp.Parameter: "a parameter",
}
"""How a user knows them; others are named as sqlglot does."""

ARGUMENTS: Mapping[str, int] = {
    "date": 1,
    "to_date": 1,
    "timestamp": 1,
    "to_timestamp": 1,
    "datediff": 2,
    "nullif": 2,
    "if": 3,
    "pi": 0,
}
"""How many arguments the functions take that are more than one call of ours; see `calls.py`."""


def allowed_functions() -> tuple[str, ...]:
    """The names of functions that expressions can call."""
    return tuple(sorted({*PLAIN, *PARTS, *ARGUMENTS}))


def allowed() -> str:
    """What an expression may hold, for messages."""
    signs = " ".join(dict.fromkeys(SIGNS.values()))
    return f"Allowed: {signs} CASE IF CAST and the functions {', '.join(allowed_functions())}"
