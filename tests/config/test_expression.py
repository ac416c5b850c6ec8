"""SQL expressions: what is read, and everything that is refused."""

from __future__ import annotations

import pytest

from pipeline.config.expression import MAX_LENGTH, check_expression, parse_expression
from pipeline.config.sql.names import allowed_functions
from pipeline.errors import StoreError
from pipeline.schemas.expression import (
    CHAIN,
    MAX_DEPTH,
    CallNode,
    ColumnNode,
    DerivedColumn,
    NumberNode,
    TextNode,
    fold,
)

TYPES = {
    "a": "number",
    "b": "number",
    "s": "text",
    "day": "text",
    "my col": "number",
    "x.y": "number",
    "größe": "number",
}


def shown(node):
    match node:
        case ColumnNode():
            return node.name
        case CallNode():
            return f"{node.function}({', '.join(map(shown, node.arguments))})"
        case _:
            return repr(node.value)


@pytest.mark.parametrize(
    ("sql", "tree"),
    [
        ("a + b - a - 1", "add(a, b, negate(a), -1.0)"),
        ("a - (b - a) * -2", "add(a, negate(multiply(add(b, negate(a)), -2.0)))"),
        ("a / b % 2", "remainder(divide(a, b), 2.0)"),
        ("`my col` * `x.y` + größe", "add(multiply(my col, x.y), größe)"),
        ("a > b", "less(b, a)"),
        ("a >= b", "less_equal(b, a)"),
        ("a <> b AND NOT a <=> b OR a == b", "or(and(not(equal(a, b)), not(same(a, b))), equal(a, b))"),
        ("s IS NOT NULL", "not(is_null(s))"),
        ("s NOT IN ('x', \"it's\")", "not(in(s, 'x', \"it's\"))"),
        ("a IN (1, -2.5e3)", "in(a, 1.0, -2500.0)"),
        ("a BETWEEN 1 AND 2 AND b", "and(and(less_equal(1.0, a), less_equal(a, 2.0)), b)"),
        ("CASE WHEN a > 1 THEN 'x' WHEN b THEN NULL END", "if(less(1.0, a), 'x', b, None, None)"),
        ("CASE s WHEN 'x' THEN 1 ELSE a END", "if(equal(s, 'x'), 1.0, a)"),
        ("if(a > 1, 2, NULL)", "if(less(1.0, a), 2.0, None)"),
        ("COALESCE(NULL, s)", "coalesce(None, s)"),
        ("nullif(a, 0)", "if(equal(a, 0.0), None, a)"),
        (
            "ln(a) + pow(a, 2) + mod(a, b) * pi()",
            "add(log(a), power(a, 2.0), multiply(remainder(a, b), 3.141592653589793))",
        ),
        ("substr(s, 1, 2) || rtrim(s) || 'é'", "concat(substring(s, 1.0, 2.0), trim_right(s), 'é')"),
        ("startswith(s, 'a') = TRUE", "equal(starts_with(s, 'a'), 1.0)"),
        ("s LIKE 'a.%'", "starts_with(s, 'a.')"),
        ("s NOT LIKE '%a%'", "not(contains(s, 'a'))"),
        ("s LIKE '%a'", "ends_with(s, 'a')"),
        ("s LIKE 'a'", "equal(s, 'a')"),
        ("CAST(s AS DOUBLE) + CAST(a AS DOUBLE)", "add(to_number(s), a)"),
        ("year(day)", "year(to_days(day))"),
        ("dayofyear(a)", "day_of_year(a)"),
        ("hour(timestamp(day))", "hour(to_days(day))"),
        ("to_date(day)", "floor(to_days(day))"),
        ("datediff(day, '2020-01-01')", "add(floor(to_days(day)), negate(floor(to_days('2020-01-01'))))"),
        ("DATE '2020-01-01' - CAST(day AS TIMESTAMP)", "add(floor(to_days('2020-01-01')), negate(to_days(day)))"),
        (r"s = 'a\'b\n\u00e9'", 'equal(s, "a\'b\\né")'),
    ],
)
def test_sql_becomes_a_tree(sql, tree):
    assert shown(parse_expression(sql, TYPES)) == tree
    check_expression(sql)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [("a", "number"), ("s", "text"), ("s = 'x'", "number"), ("if(a, NULL, s)", "text"), ("coalesce(a, 0)", "number")],
)
def test_the_tree_knows_its_type(sql, kind):
    assert parse_expression(sql, TYPES).type == kind


@pytest.mark.parametrize(
    "call",
    [
        *("reflect('java.lang.Runtime', 'getRuntime')", "java_method('java.lang.System', 'exit', 1)"),
        *(
            "REFLECT('a', 'b')",
            "try_reflect('a', 'b')",
            "rand()",
            "uuid()",
            "now()",
            "current_date()",
            "current_user()",
        ),
        *("sum(a)", "count(*)", "max(a)", "explode(a)", "my_udf(a)", "input_file_name()", "spark_partition_id()"),
        *("from_json(s, 'a INT')", "array(a)", "struct(a)", "map(1, 2)", "transform(s, x -> x)", "raise_error(s)"),
        *(
            "secret('a', 'b')",
            "ai_query(s)",
            "http_request(s)",
            "sleep(a)",
            "concat_ws(s, s)",
            "regexp_replace(s, s, s)",
        ),
    ],
)
def test_other_functions_are_refused_by_name(call):
    name = call.partition("(")[0]

    for check in (check_expression, lambda sql: parse_expression(sql, TYPES)):
        with pytest.raises(ValueError, match=rf"the function '{name}' is not allowed.*Allowed: .* abs, ceil") as caught:
            check(call)
        assert all(function in str(caught.value) for function in allowed_functions())


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("(SELECT 1)", "a subquery is not allowed"),
        ("a IN (SELECT 1)", "In with query is not allowed"),
        ("EXISTS (SELECT 1)", "a subquery is not allowed"),
        ("sum(a) OVER ()", "a window function is not allowed"),
        ("any_value(a) FILTER (WHERE a)", "an aggregate is not allowed"),
        ("*", r"\* is not allowed"),
        ("x -> x", "a lambda function is not allowed"),
        ("a.b", "'a.b' is not a column. A name with a dot is written in backticks"),
        ("a.b.c(s)", "access to a struct or a schema is not allowed"),
        ("a[0]", "access to an array or a map is not allowed"),
        ("`reflect`('a', 'b')", "the name of a function is written without quotes"),
        ("a; DROP TABLE t", "';' is not allowed: an expression is one value"),
        ("a;", "';' is not allowed"),
        ("a -- + b", "comments .* are not allowed"),
        ("a--b", "comments .* are not allowed"),
        ("a /* + b */ + 1", "comments .* are not allowed"),
        ("/*+ BROADCAST */ a", "comments .* are not allowed"),
        ("-- a", "comments .* are not allowed"),
        ("", "the expression is empty"),
        ("SELECT a", "cannot be read"),
        ("a AS b", "cannot be read: .* at 'AS'"),
        ("a +", "cannot be read: something is missing, at '\\+'"),
        ("(a", "cannot be read: Expecting \\)"),
        ("INSERT INTO t VALUES (1)", "cannot be read"),
        ("a DIV 2", "DIV is not allowed"),
        ("a & 1", "BitwiseAnd is not allowed"),
        ("s RLIKE 'a'", "RLIKE is not allowed"),
        ("s ILIKE 'a'", "ILIKE is not allowed"),
        ("s COLLATE UTF8_LCASE = s", "Collate is not allowed"),
        ("INTERVAL 1 DAY", "INTERVAL is not allowed"),
        (":a + ?", "a parameter is not allowed"),
        ("${a}", "a parameter is not allowed"),
        ("{{a}}", "a parameter is not allowed"),
        ("'it''s' = s", "a text next to a text"),
        ("s = r'a'", "a raw text is not allowed"),
        (r"s = '\0'", "a text cannot hold the character NUL"),
        ("a + 1e400", "too large for double precision"),
        ("a + 1e3+1", r"'1e3\+1' is not a number. Write spaces around signs"),
        ("a IS TRUE", "IS is followed by NULL or NOT NULL"),
        ("a IN (1, b)", "IN is followed by constants"),
        ("a IN (1, NULL)", "IN is followed by constants in parentheses, none of them NULL"),
        ("a BETWEEN SYMMETRIC 1 AND 2", "Between with symmetric is not allowed"),
        ("a < b < 1", "write parentheses around < inside <"),
        ("a = NOT b", "write parentheses around NOT inside ="),
        ("lower(DISTINCT s)", "DISTINCT is not allowed"),
        ("CAST(s AS INT)", "CAST to INT is not allowed. Allowed: DOUBLE, DATE, TIMESTAMP"),
        ("CAST(s AS DOUBLE FORMAT 'x')", "TryCast with format is not allowed"),
        ("s LIKE 'a_b'", "LIKE takes a constant text with % at its ends only"),
        ("s LIKE 'a%b'", "LIKE takes a constant text with % at its ends only"),
        ("s LIKE s", "LIKE takes a constant text"),
        ("s LIKE 'a' ESCAPE '!'", "Escape is not allowed"),
        ("contains(s, s)", "argument 2 of contains has to be a constant text"),
        ("substring(s, a, 1)", "argument 2 of substring has to be a constant whole number from 0"),
        ("substring(s, 1, -1)", "argument 3 of substring has to be a constant whole number from 0"),
        ("log(a, 2)", "log does not take 2 arguments"),
        ("if(a, 1, b, 2, 3)", "if takes 3 arguments, not 5"),
        ("to_date(s, 'yyyy')", "to_date takes 1 argument, not 2"),
        ("1 + pi()", "the expression uses no column"),
        ("x" * (MAX_LENGTH + 1), "the expression has 10,001 characters; 10,000 are allowed"),
    ],
)
def test_what_shows_without_columns_is_refused_at_once(sql, message):
    for check in (check_expression, lambda text: parse_expression(text, TYPES)):
        with pytest.raises(ValueError, match=message):
            check(sql)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("dya", "there is no column 'dya'. Did you mean 'day'?"),
        ("A", "there is no column 'A'. Known: "),
        ("current_date", "there is no column 'current_date'"),
        ("s + 1", r"\+ needs a number, but column 's' is a text. CAST\(x AS DOUBLE\) reads a text"),
        ("a - 'x'", "- needs a number, but 'x' is a text"),
        ("s < s", "< needs a number, but column 's' is a text"),
        ("lower(a)", "lower needs a text, but column 'a' is a number"),
        ("sqrt(lower(s))", "sqrt needs a number, but argument 1 is a text"),
        ("a = s", "= needs values of one type, not a number and a text"),
        ("coalesce(s, 0)", "coalesce needs values of one type"),
        ("CASE WHEN a THEN 1 ELSE 'x' END", "CASE needs values of one type"),
        ("if(s, 1, 2)", "if needs a number, but column 's' is a text"),
    ],
)
def test_columns_and_their_types_are_checked(sql, message):
    with pytest.raises(ValueError, match=message):
        parse_expression(sql, TYPES)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("abs(", ")"),
        ("(", ")"),
        ("NOT ", ""),
        ("-(", ")"),
        ("CASE WHEN a THEN ", " END"),
        ("if(a, 1, ", ")"),
        ("[", ""),
    ],
)
@pytest.mark.parametrize("levels", [MAX_DEPTH * 3, 1000])
def test_deep_nesting_is_refused(opening, closing, levels):
    sql = opening * levels + "a" + closing * levels

    if len(sql) <= MAX_LENGTH and not (opening == "NOT " and levels == 1000 and sql == ""):
        with pytest.raises(ValueError, match="nested deeper than 30 levels"):
            check_expression(sql)


def test_the_deepest_tree_is_read_and_survives_json():
    sql = "abs(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)
    column = DerivedColumn(name="d", type="number", expression=parse_expression(sql, TYPES))

    assert DerivedColumn.from_json(column.to_json(), "features.json") == column
    with pytest.raises(ValueError, match="nested deeper"):
        parse_expression(f"abs({sql})", TYPES)


@pytest.mark.parametrize("sql", ["nullif(" * 20 + "a" + ", 1)" * 20, "(" * 20 + "a" + " BETWEEN 0 AND 1)" * 20])
def test_what_is_repeated_counts(sql):
    with pytest.raises(ValueError, match="more than 2,000 parts"):
        check_expression(sql)


def test_long_sums_are_not_nested():
    node = parse_expression(" + ".join(["a"] * 1000), TYPES)

    assert len(node.arguments) == 1000


def test_folds_go_from_left_to_right_in_blocks():
    assert fold(lambda x, y: f"({x}{y})", list("abc")) == "((ab)c)"
    assert fold(lambda x, y: x + y, list(range(1000))) == sum(range(1000))
    depth = fold(lambda x, y: max(x, y) + 1, [0] * 2000)
    assert depth <= CHAIN + 2000 // CHAIN


@pytest.mark.parametrize(
    "expression",
    [
        {"kind": "call", "function": "reflect", "arguments": [{"kind": "text", "value": "java.lang.Runtime"}]},
        {"kind": "call", "function": "sin", "arguments": []},
        {"kind": "call", "function": "contains", "arguments": [{"kind": "text", "value": "x"}] * 3},
        {"kind": "number", "value": float("inf")},
        {"kind": "sql", "value": "reflect('a')"},
    ],
)
def test_a_file_cannot_hold_what_an_expression_cannot(expression):
    with pytest.raises(ValueError, match="validation error"):
        DerivedColumn.model_validate({"name": "x", "type": "number", "expression": expression})
    with pytest.raises(StoreError):
        DerivedColumn.from_json('{"name": "x", "type": "number", "expression": {"kind": "call"}}', "features.json")


def test_constants_are_typed():
    assert (NumberNode(value=None).type, TextNode(value="x").type) == ("number", "text")
