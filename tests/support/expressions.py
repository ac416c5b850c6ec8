"""Expressions over two numbers and two texts, odd values of these, and what Spark makes of both."""

from __future__ import annotations

import math

import pyarrow as pa
from hypothesis import strategies as st

from pipeline.schemas.expression import CallNode, ColumnNode, NumberNode, TextNode, columns_of

TYPES = {"a": "number", "b": "number", "s": "text", "t": "text"}
NAN, INF = math.nan, math.inf

NUMBERS = [
    *(None, NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, -0.1, 1e-20, -1e-20),
    *(2.0**52 + 0.5, 2.0**53 - 1, 2.0**62, 2.0**63, -(2.0**63), 1e19, 1e200, -1e300, 1.7976931348623157e308, 1e-99),
    *(math.pi, -math.e, 1e5, 3e5 * math.pi, 1000.0, 1e-3, 10.0, 12345.678, 709.5, -709.5, 2.0**31, -(2.0**31) - 0.5),
    *(-719162.0, -719528.25, 2932896.99, 19000.541666666668, 19000.9999, 0.9999999999, 11.0, 12.0),
]
TEXTS = [
    *(
        None,
        "",
        " ",
        "  a b  ",
        "\t a\n",
        "Straße",
        "ΑΣ",
        "İı",
        "日本語",
        "👍🏽é",
        "a.b",
        "A.B",
        "TRUE",
        "1",
        " 1.5e3 ",
    ),
    *(
        "1d",
        "0x10",
        "NaN",
        "Infinity",
        "1e999",
        "1e-999",
        "+.5",
        "5.",
        "1_000",
        "--1",
        "9" * 400,
        "0." + "1" * 400,
    ),
    *("1", "1e5\n", ".", "e1", "1 2", "0.1", "123456789.123456789123456789", "1.7976931348623159e308"),
    *("2023-01-01", "2023-02-30", "2024-02-29", "1900-02-29", "2000-02-29", "0000-01-01", "0001-01-01", "9999-12-31"),
    *("9999-12-31 23:59:59.999999", "2023-1-1", "2023-01-01 ", "2023-01-01T00:00:00", "2023-01-01 24:00:00"),
    *("2023-01-01 23:60:00", "2023-01-01 23:59:60", "2023-06-07 12:30:00", "2023-01-01 12:30:00.5", "2023-13-01"),
    *("2023-01-01 12:30:00.123456789", "2023-01-01 12:30:00.", "2023-00-10", "2023-01-00", "2023-04-31"),
    *("2023-03-12 02:30:00", "1969-12-31 23:59:59.999", "1582-10-10", "2023-01-01\n", "2023-01-01 00:00:00 00:00:00"),
    *("12023-01-01", "2023-01-01Z", " 2023-01-01", "2023-01-01 12:30:00+01:00", "-0001-01-01", "2023-01-01 12:30"),
]

EVERYTHING = [
    *("a", "s", "a + b", "a - b", "a * b", "a / b", "a % b", "power(a, b)", "-a", "abs(a)", "sign(a)", "sqrt(a)"),
    *("exp(a)", "expm1(a)", "ln(a)", "log1p(a)", "log2(a)", "log10(a)", "sin(a)", "cos(a)", "tan(a)", "tanh(a)"),
    *("floor(a)", "ceil(a)", "round(a)", "least(a, b, 1)", "greatest(a, b)", "a > 0 AND b > 0 AND a", "a > 0 OR b > 0"),
    *("NOT a", "a = b", "a < b", "a <= b", "a <=> b", "s <=> t", "s = t", "a + NULL", "a + 1e308 + 1e308 - 1e308"),
    *("a IN (0, 1, 2.5, -1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)", "s IN ('', 'a.b', '1')", "a IS NULL", "s IS NULL"),
    *("if(a > b, s, t)", "if(NULL, a, b)", "CASE WHEN a > 0 THEN 1 WHEN b > 0 THEN b END", "coalesce(a, b, 0)"),
    *("coalesce(s, t)", "nullif(a, b)", "a BETWEEN b AND 5", "lower(s)", "upper(s)", "trim(s)", "ltrim(s)", "rtrim(s)"),
    *("length(s)", "substring(s, 2, 3)", "substring(s, 0, 2)", "substring(s, 1, 0)", "substring(s, 400, 9)"),
    *("s || t || 'é'", "contains(s, '.')", "contains(s, 'a')", "startswith(s, '')", "endswith(s, '\\n')"),
    *("s LIKE '%本%'", "startswith(s, '👍')", "CAST(s AS DOUBLE)", "timestamp(s)", "date(s)", "year(a)", "quarter(a)"),
    *("month(a)", "day(a)", "weekday(a)", "dayofyear(a)", "hour(a)", "hour(s)", "year(s)", "datediff(s, t)"),
    "datediff(s, DATE '2020-01-01')",
]


KNOWN = [
    ("a / b", (1.0, 0.0), None),
    ("0 * ln(a)", (-1.0, 0.0), None),
    ("exp(a)", (1000.0, 0.0), None),
    ("a + 1", (NAN, 0.0), None),
    ("coalesce(a, 7)", (INF, 0.0), 7.0),
    ("a IS NULL", (NAN, 0.0), 1.0),
    ("-7 % a", (3.0, 0.0), -1.0),
    ("round(a) + 10 * round(b)", (-2.5, 0.5), 7.0),
    ("floor(a) + 10 * ceil(a)", (-2.5, 0.0), -23.0),
    ("log10(a)", (1000.0, 0.0), 3.0),
    ("a AND b", (None, 0.0), 0.0),
    ("a AND b", (None, 1.0), None),
    ("a OR b", (None, 5.0), 1.0),
    ("a OR b", (None, 0.0), None),
    ("NOT a", (None, 0.0), None),
    ("a = b", (None, None), None),
    ("a <=> b", (None, None), 1.0),
    ("a = b", (0.0, -0.0), 1.0),
    ("a IN (1, 2)", (None, 0.0), None),
    ("least(a, b)", (None, 3.0), 3.0),
    ("greatest(a, b)", (None, None), None),
    ("if(a, 1, 2)", (None, 0.0), 2.0),
    ("substring('größer', 3, 2) = 'öß' AND a", (1.0, 0.0), 1.0),
    ("length('👍🏽é') + a", (0.0, 0.0), 3.0),
    ("if(trim('  a b ') = 'a b', a, 0)", (5.0, 0.0), 5.0),
    ("year(a)", (19782.5, 0.0), 2024.0),
    ("weekday(DATE '2024-02-29') + a", (0.0, 0.0), 3.0),
    ("dayofyear(DATE '2024-12-31') + a", (0.0, 0.0), 366.0),
    ("quarter(DATE '2024-12-31') + a", (0.0, 0.0), 4.0),
    ("hour(TIMESTAMP '2024-12-31 23:59:59.999') + a", (0.0, 0.0), 23.0),
    ("TIMESTAMP '1970-01-02 12:00:00' + a", (0.0, 0.0), 1.5),
    ("datediff('2024-03-01 23:00:00', '2024-02-28 01:00:00') + a", (0.0, 0.0), 2.0),
    ("DATE '2023-02-30' + a", (0.0, 0.0), None),
    ("CAST(' -1.5e3 ' AS DOUBLE) + a", (0.0, 0.0), -1500.0),
    ("CAST('1f' AS DOUBLE) + a", (0.0, 0.0), None),
]
"""SQL, the values of a and b, and the result."""


def columns_of_rows(rows):
    """The columns of rows, NaN apart from null."""
    fields = zip(TYPES.items(), zip(*rows, strict=True), strict=True)
    kinds = {"number": pa.float64(), "text": pa.string()}
    return {name: pa.array(values, kinds[kind], from_pandas=False) for (name, kind), values in fields}


def by_spark(spark, nodes, rows, *, compiled=False):
    """One list of values an expression; null is None.

    Spark interprets expressions over rows that it was given; `compiled` has it compile them, as for rows of a file.
    """
    import pyspark.sql.functions as F

    from tests.support.catalyst.expression import to_column

    # By Arrow: no Python process is started for the rows, and NaN stays apart from null.
    frame = spark.createDataFrame(pa.table({**columns_of_rows(rows), "i": pa.array(range(len(rows)), pa.int32())}))
    frame = frame.repartition(1) if compiled else frame
    columns = {name: F.col(name) for name in TYPES}
    selected = frame.select("i", *(to_column(node, columns).alias(f"e{k}") for k, node in enumerate(nodes)))
    found = sorted(selected.collect(), key=lambda row: row.i)
    for node, kind in zip(nodes, selected.schema.fields[1:], strict=True):
        assert kind.dataType.simpleString() == ("double" if node.type == "number" else "string")
    return [[row[k + 1] for row in found] for k in range(len(nodes))]


def by_arrays(nodes, rows):
    """As `by_spark` does."""
    from pipeline.arrays.expressions import evaluate

    columns = columns_of_rows(rows)
    found = [evaluate(node, columns, len(rows)) for node in nodes]
    for node, array in zip(nodes, found, strict=True):
        array.validate(full=True)
        assert array.type == (pa.float64() if node.type == "number" else pa.string())
    return [array.to_pylist() for array in found]


def assert_as_spark(spark, nodes, rows, *, compiled=False):
    """Arrays give Spark's values to the bit, those of `exp` and the like to 1e-15; gives back Spark's values."""
    right = by_spark(spark, nodes, rows, compiled=compiled)
    for node, ours, theirs in zip(nodes, by_arrays(nodes, rows), right, strict=True):
        rounded = functions_of([node]) & {name for names, _ in ROUNDED for name in names}
        for row, in_arrays, in_spark in zip(rows, ours, theirs, strict=True):
            close = rounded and isinstance(in_spark, float) and isinstance(in_arrays, float)
            equal = math.isclose(in_arrays, in_spark, rel_tol=1e-15) if close else repr(in_arrays) == repr(in_spark)
            assert equal, (node, row, in_arrays, in_spark)
    return right


def functions_of(nodes):
    calls = [node for node in nodes if isinstance(node, CallNode)]
    below = functions_of([argument for call in calls for argument in call.arguments]) if calls else set()
    return below | {call.function for call in calls}


# What `exp` and the like give may differ in the last bit between the two, which a comparison or a floor would turn
# into another value: they stay outermost. All other functions agree to the last bit and are nested at random.
# A letter an argument: n number, t text, x constant number, k constant text, c constant count.
EXACT = [
    (("add", "multiply", "divide", "remainder", "least", "greatest", "and", "or"), "nn"),
    (("add", "multiply", "least", "greatest", "and", "or", "coalesce", "if"), "nnn"),
    (("negate", "abs", "sign", "sqrt", "floor", "ceil", "round", "not", "is_null"), "n"),
    (("year", "quarter", "month", "day", "weekday", "day_of_year", "hour"), "n"),
    (("equal", "less", "less_equal", "same"), "nn"),
    (("equal", "same"), "tt"),
    (("is_null", "length", "to_number", "to_days"), "t"),
    (("contains", "starts_with", "ends_with"), "tk"),
    (("in",), "nxxx"),
    (("in",), "tkk"),
    (("if",), "nnnnn"),
]
TEXT = [
    (("lower", "upper", "trim", "trim_left", "trim_right"), "t"),
    (("concat", "coalesce"), "tt"),
    (("substring",), "tcc"),
    (("if",), "ntt"),
]
ROUNDED = [
    (("exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "tanh"), "n"),
    (("power",), "nn"),
]
LEAVES = {
    "n": [ColumnNode(name="a", type="number"), ColumnNode(name="b", type="number")] * 4
    + [NumberNode(value=value) for value in (None, 0.0, 1.0, -2.0, 0.5, 365.25, 1e200, 12.345)],
    "t": [ColumnNode(name="s", type="text"), ColumnNode(name="t", type="text")] * 3
    + [TextNode(value=value) for value in (None, "", "a", "É", "2024-02-29", " 7")],
    "x": [NumberNode(value=value) for value in (0.0, 1.0, -2.5, 12345.678)],
    "k": [TextNode(value=value) for value in ("", " ", "a", ".", "é", "\n", "0", "^.*$", "\\E")],
    "c": [NumberNode(value=float(value)) for value in range(5)],
}


@st.composite
def trees(draw, table, kind, levels):
    """A tree of at most so many levels whose outermost function is of the table."""
    if levels == 0 or kind in "xkc" or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(LEAVES[kind]))
    functions, kinds = draw(st.sampled_from(table))
    arguments = [draw(trees(TEXT if kind == "t" else EXACT, kind, levels - 1)) for kind in kinds]
    return CallNode(function=draw(st.sampled_from(functions)), arguments=tuple(arguments))


EXPRESSIONS = st.one_of(trees(EXACT, "n", 4), trees(TEXT, "t", 4), trees(ROUNDED, "n", 3)).filter(
    lambda node: any(True for _ in columns_of(node))
)
RAW_NUMBERS = st.one_of(st.sampled_from(NUMBERS[:12]), st.integers(-(10**9), 10**9).map(lambda n: n / 10**4))
RAW_TEXTS = st.one_of(st.sampled_from(TEXTS), st.text(st.sampled_from("aZéßΣ .-:09e\n👍"), max_size=8))
ROWS = st.lists(st.tuples(RAW_NUMBERS, RAW_NUMBERS, RAW_TEXTS, RAW_TEXTS), min_size=12, max_size=12)
