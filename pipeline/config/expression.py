"""SQL expressions of the configuration, read into the tree that Spark and Keras execute.

sqlglot parses Spark's SQL; what is allowed of it is translated, and everything else is refused by name. A call is
looked up by the name that the user wrote, in the tables below, so that no other function of Spark can be reached.

Differences to Spark's SQL: all numbers are double precision; TRUE is 1 and FALSE is 0; CAST of what cannot be read
is null; dates are numbers (`schemas/expression.py`), and a text is read as a date where a date is needed; names of
columns are case-sensitive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from sqlglot import exp

from pipeline.config.sql import parse_sql
from pipeline.errors import nearest
from pipeline.schemas.expression import (
    FUNCTIONS,
    MAX_DEPTH,
    PHRASES,
    CallNode,
    ColumnNode,
    Node,
    NumberNode,
    Parameter,
    TextNode,
    ValueType,
    columns_of,
    fits,
)

MAX_LENGTH = 10_000
"""Characters of an expression."""

MAX_NODES = 2_000
"""Constants, columns and calls of an expression, those that BETWEEN, NULLIF and CASE x WHEN repeat included."""

_UNCHANGED = (
    *("abs", "sign", "sqrt", "exp", "log", "log10", "log2", "log1p", "expm1", "power", "floor", "ceil", "round"),
    *("sin", "cos", "tan", "tanh", "least", "greatest", "coalesce"),
    *("lower", "upper", "trim", "length", "substring", "concat", "contains"),
)
_PLAIN: Mapping[str, str] = {
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
_PARTS: Mapping[str, str] = {
    **{name: name for name in ("year", "quarter", "month", "day", "weekday", "hour")},
    "dayofmonth": "day",
    "dayofyear": "day_of_year",
}

_BINARY: Mapping[type[exp.Expr], str] = {
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
_SIGNS: Mapping[type[exp.Expr], str] = {
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
_CHAINS: Mapping[type[exp.Expr], str] = {
    exp.Add: "add",
    exp.Sub: "add",
    exp.Mul: "multiply",
    exp.And: "and",
    exp.Or: "or",
    exp.DPipe: "concat",
}
_LIKE: Mapping[tuple[bool, bool], str] = {
    (False, False): "equal",
    (False, True): "starts_with",
    (True, False): "ends_with",
    (True, True): "contains",
}
"""By whether the pattern has a % at its start and at its end."""

_COMPARISONS = (
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
_REFUSED: Mapping[type[exp.Expr], str] = {
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

_IN_PARTS = "Derive a column from a part of it first"


class _Value(NamedTuple):
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


_NULL = _Value(NumberNode(value=None), None)


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


def allowed_functions() -> tuple[str, ...]:
    """The names of functions that expressions can call."""
    return tuple(sorted({*_PLAIN, *_PARTS, *_Translation.SPECIAL}))


def _parsed(text: str, types: Mapping[str, ValueType] | None) -> Node:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the expression has {len(text):,} characters; {MAX_LENGTH:,} are allowed")
    try:
        value = _Translation(types).of(parse_sql(text))
    except RecursionError:
        raise _too_deep() from None
    if not any(True for _ in columns_of(value.node)):
        raise ValueError("the expression uses no column, so it is the same for every row")
    return value.node


def _too_deep() -> ValueError:
    return ValueError(f"the expression is nested deeper than {MAX_DEPTH} levels. {_IN_PARTS}")


def _allowed() -> str:
    signs = " ".join(dict.fromkeys(_SIGNS.values()))
    return f"Allowed: {signs} CASE IF CAST and the functions {', '.join(allowed_functions())}"


@dataclass(frozen=True)
class _Translation:
    """From sqlglot's tree to ours.

    Attributes:
        types: of known columns; None takes every column for known, and its type for open.
    """

    types: Mapping[str, ValueType] | None

    def of(self, syntax: exp.Expr) -> _Value:
        """The value of any allowed syntax."""
        while isinstance(syntax, exp.Paren):
            syntax = syntax.this
        kind = type(syntax)
        if kind in _CHAINS:
            return self._chain(syntax, _CHAINS[kind])
        if kind in _BINARY:
            return self._binary(syntax, _BINARY[kind])
        translate = self.SYNTAX.get(kind)
        if translate is None:
            raise ValueError(f"{_REFUSED.get(kind, kind.__name__)} is not allowed in an expression. {_allowed()}")
        return translate(self, syntax)

    def call(self, function: str, arguments: Sequence[_Value], label: str) -> _Value:
        """A call of one of our functions, checked; `label` is what the user calls it."""
        signature = FUNCTIONS[function]
        parameters = signature.parameters(len(arguments))
        if parameters is None:
            raise ValueError(f"{label} does not take {len(arguments)} argument{'s' * (len(arguments) != 1)}")
        same = _common_type(parameters, arguments, label)
        for position, (wanted, value) in enumerate(zip(parameters, arguments, strict=True), start=1):
            _check_argument(wanted, value, label, position)
        result = same if signature.result == "same" else signature.result
        if result is None and self.types is not None:
            result = "number"
        values = [_closed(v, same if p == "same" else _type_of(p)) for p, v in zip(parameters, arguments, strict=True)]
        depth, size = 1 + max(value.depth for value in values), 1 + sum(value.size for value in values)
        if depth > MAX_DEPTH:
            raise _too_deep()
        if size > MAX_NODES:
            raise ValueError(f"the expression has more than {MAX_NODES:,} parts. {_IN_PARTS}")
        node = CallNode(function=function, arguments=tuple(value.node for value in values))
        return _Value(node, result, depth, size)

    def _chain(self, syntax: exp.Expr, function: str) -> _Value:
        """`a + b - c` is one sum, however long: chains of one operator are not nested."""
        terms: list[_Value] = []
        label = _SIGNS[type(syntax)]
        while _CHAINS.get(type(syntax)) == function:
            _only(syntax, "this", "expression", "safe")
            term = self.of(syntax.expression)
            terms.append(self._negated(term) if isinstance(syntax, exp.Sub) else term)
            syntax = syntax.this
        return self.call(function, [self.of(syntax), *reversed(terms)], label)

    def _binary(self, syntax: exp.Expr, function: str) -> _Value:
        _only(syntax, "this", "expression", "typed", "safe")
        left, right = self._operand(syntax, syntax.this), self._operand(syntax, syntax.expression)
        if isinstance(syntax, (exp.GT, exp.GTE)):
            left, right = right, left
        value = self.call(function, [left, right], _SIGNS[type(syntax)])
        return self._not(value) if isinstance(syntax, exp.NEQ) else value

    def _operand(self, outer: exp.Expr, inner: exp.Expr) -> _Value:
        """Comparisons of comparisons: Spark and sqlglot group them differently, and readers too."""
        if isinstance(outer, _COMPARISONS) and isinstance(inner, (*_COMPARISONS, exp.Not, exp.And, exp.Or)):
            raise ValueError(f"write parentheses around {_SIGNS[type(inner)]} inside {_SIGNS[type(outer)]}")
        return self.of(inner)

    def _negated(self, value: _Value) -> _Value:
        if isinstance(value.node, NumberNode) and value.node.value is not None:
            return _number(-value.node.value)
        return self.call("negate", [value], "-")

    def _not(self, value: _Value) -> _Value:
        return self.call("not", [value], "NOT")

    def _negation(self, syntax: exp.Expr) -> _Value:
        _only(syntax, "this")
        return self._negated(self.of(syntax.this))

    def _negated_truth(self, syntax: exp.Expr) -> _Value:
        _only(syntax, "this")
        return self._not(self.of(syntax.this))

    def _column(self, syntax: exp.Expr) -> _Value:
        if len([part for part in syntax.args.values() if part]) > 1:
            raise ValueError(f"'{syntax.sql()}' is not a column. A name with a dot is written in backticks: `a.b`")
        if not isinstance(syntax.this, exp.Identifier):
            return self.of(syntax.this)
        name = syntax.name
        if self.types is None:
            return _Value(ColumnNode(name=name, type="number"), None)
        if name not in self.types:
            raise ValueError(f"there is no column '{name}'. {nearest(name, list(self.types))}")
        return _Value(ColumnNode(name=name, type=self.types[name]), self.types[name])

    def _literal(self, syntax: exp.Expr) -> _Value:
        text = str(syntax.this)
        if not syntax.args.get("is_string"):
            return _number(_float(text))
        if "\x00" in text:
            raise ValueError("a text cannot hold the character NUL")
        return _Value(TextNode(value=text), "text")

    def _null(self, syntax: exp.Expr) -> _Value:
        return _NULL

    def _truth(self, syntax: exp.Expr) -> _Value:
        return _number(1.0 if syntax.this else 0.0)

    def _is(self, syntax: exp.Expr) -> _Value:
        _only(syntax, "this", "expression")
        if not isinstance(syntax.expression, exp.Null):
            raise ValueError("IS is followed by NULL or NOT NULL")
        return self.call("is_null", [self._operand(syntax, syntax.this)], "IS NULL")

    def _in(self, syntax: exp.Expr) -> _Value:
        _only(syntax, "this", "expressions")
        values = [self.of(value) for value in syntax.expressions]
        if not values or any(not isinstance(v.node, (NumberNode, TextNode)) or v.node.value is None for v in values):
            raise ValueError("IN is followed by constants in parentheses, none of them NULL")
        return self.call("in", [self._operand(syntax, syntax.this), *values], "IN")

    def _between(self, syntax: exp.Expr) -> _Value:
        _only(syntax, "this", "low", "high")
        value, low, high = (self._operand(syntax, syntax.args[part]) for part in ("this", "low", "high"))
        bounds = [self.call("less_equal", pair, "BETWEEN") for pair in ((low, value), (value, high))]
        return self.call("and", bounds, "BETWEEN")

    def _like(self, syntax: exp.Expr) -> _Value:
        """Patterns with `%` at their ends only."""
        _only(syntax, "this", "expression", "negate")
        value, pattern = self._operand(syntax, syntax.this), self.of(syntax.expression).node
        text = pattern.value if isinstance(pattern, TextNode) else None
        needle = text.strip("%") if text else text
        if needle is None or set("%_\\") & set(needle):
            raise ValueError("LIKE takes a constant text with % at its ends only: 'a%', '%a', '%a%'")
        ends = (text.startswith("%"), text.endswith("%")) if text else (False, False)
        match = self.call(_LIKE[ends], [value, _Value(TextNode(value=needle), "text")], "LIKE")
        return self._not(match) if syntax.args.get("negate") else match

    def _case(self, syntax: exp.Expr) -> _Value:
        _only(syntax, "this", "ifs", "default")
        subject = self.of(syntax.this) if syntax.this else None
        arguments: list[_Value] = []
        for branch in syntax.args["ifs"]:
            _only(branch, "this", "true")
            condition = self.of(branch.this)
            arguments.append(condition if subject is None else self.call("equal", [subject, condition], "CASE"))
            arguments.append(self.of(branch.args["true"]))
        default = syntax.args.get("default")
        return self.call("if", [*arguments, self.of(default) if default else _NULL], "CASE")

    def _cast(self, syntax: exp.Expr) -> _Value:
        _only(syntax, "this", "to", "safe")
        value, target = self.of(syntax.this), syntax.args["to"].this
        if target in (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ):
            return self.days(value)
        if target == exp.DType.DATE:
            return self.call("floor", [self.days(value)], "CAST")
        if target != exp.DType.DOUBLE:
            raise ValueError(
                f"CAST to {syntax.args['to'].sql('spark')} is not allowed. Allowed: DOUBLE, DATE, TIMESTAMP"
            )
        return value if value.type == "number" else self.call("to_number", [value], "CAST")

    def _function(self, syntax: exp.Expr) -> _Value:
        _only(syntax, "this", "expressions")
        if not isinstance(syntax.this, str):
            raise ValueError(f"'{syntax.sql()}': the name of a function is written without quotes")
        name = syntax.this.lower()
        if name not in _PLAIN and name not in _PARTS and name not in self.SPECIAL:
            raise ValueError(f"the function '{syntax.this}' is not allowed in an expression. {_allowed()}")
        arguments = [self.of(argument) for argument in syntax.expressions]
        if name in self.SPECIAL:
            count, build = self.SPECIAL[name]
            if len(arguments) != count:
                raise ValueError(f"{name} takes {count} argument{'s' * (count != 1)}, not {len(arguments)}")
            return build(self, arguments)
        if name in _PARTS:
            return self.call(_PARTS[name], [self.days(argument) for argument in arguments], name)
        return self.call(_PLAIN[name], arguments, name)

    def days(self, value: _Value) -> _Value:
        """A date: a text is read as one."""
        return self.call("to_days", [value], "a date") if value.type == "text" else value

    def _date(self, arguments: list[_Value]) -> _Value:
        return self.call("floor", [self.days(arguments[0])], "date")

    def _timestamp(self, arguments: list[_Value]) -> _Value:
        return self.days(arguments[0])

    def _datediff(self, arguments: list[_Value]) -> _Value:
        last, first = (self.call("floor", [self.days(value)], "datediff") for value in arguments)
        return self.call("add", [last, self._negated(first)], "datediff")

    def _nullif(self, arguments: list[_Value]) -> _Value:
        value, other = arguments
        return self.call("if", [self.call("equal", [value, other], "nullif"), _NULL, value], "nullif")

    def _if(self, arguments: list[_Value]) -> _Value:
        return self.call("if", arguments, "if")

    def _pi(self, arguments: list[_Value]) -> _Value:
        return _number(math.pi)

    SYNTAX: ClassVar[Mapping[type[exp.Expr], Callable[[_Translation, exp.Expr], _Value]]] = {
        exp.Column: _column,
        exp.Literal: _literal,
        exp.Null: _null,
        exp.Boolean: _truth,
        exp.Neg: _negation,
        exp.Not: _negated_truth,
        exp.Is: _is,
        exp.In: _in,
        exp.Between: _between,
        exp.Like: _like,
        exp.Case: _case,
        exp.Cast: _cast,
        exp.TryCast: _cast,
        exp.Anonymous: _function,
    }
    SPECIAL: ClassVar[Mapping[str, tuple[int, Callable[[_Translation, list[_Value]], _Value]]]] = {
        "date": (1, _date),
        "to_date": (1, _date),
        "timestamp": (1, _timestamp),
        "to_timestamp": (1, _timestamp),
        "datediff": (2, _datediff),
        "nullif": (2, _nullif),
        "if": (3, _if),
        "pi": (0, _pi),
    }


def _only(syntax: exp.Expr, *parts: str) -> None:
    """Nothing of what was written is passed over."""
    other = [name for name, part in syntax.args.items() if part and name not in parts]
    if other:
        raise ValueError(f"{type(syntax).__name__} with {', '.join(other)} is not allowed in an expression")


def _float(text: str) -> float:
    """sqlglot takes `1e3+1` for one number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number. Write spaces around signs") from None


def _number(value: float) -> _Value:
    if not math.isfinite(value):
        raise ValueError("a number is too large for double precision")
    # 0.0 and -0.0 are one number; adding 0.0 leaves the former.
    return _Value(NumberNode(value=value + 0.0), "number")


def _type_of(wanted: Parameter) -> ValueType:
    return "text" if wanted in ("text", "needle") else "number"


def _closed(value: _Value, wanted: ValueType | None) -> _Value:
    """NULL takes the type that is wanted."""
    is_null = isinstance(value.node, NumberNode) and value.type is None
    return value._replace(node=TextNode(value=None)) if is_null and wanted == "text" else value


def _common_type(parameters: Sequence[Parameter], arguments: Sequence[_Value], label: str) -> ValueType | None:
    """The type of the arguments that have one; None where none has."""
    types = {v.type for p, v in zip(parameters, arguments, strict=True) if p == "same" and v.type is not None}
    if len(types) > 1:
        raise ValueError(f"{label} needs values of one type, not a number and a text. CAST(x AS DOUBLE) reads a text")
    return next(iter(types), None)


def _check_argument(wanted: Parameter, value: _Value, label: str, position: int) -> None:
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
