"""Cells of Arrow arrays: what the expressions of Catalyst give, value by value."""

from __future__ import annotations

import random
import struct
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.arrays import cells, times
from pipeline.arrays.text_types import TextCounts, count_texts
from pipeline.schemas.tokens import FALSE, TRUE

pytestmark = pytest.mark.spark

AROUND = [("", ""), (" ", " "), ("\t", ""), ("", "\t"), ("", "\n"), ("", "\r\n"), ("", "\u2028"), ("", "\x85")]
AROUND += [("\x00", "\x1f"), ("\xa0", ""), ("", "\n\n"), ("", "\x7f"), ("+", ""), ("-", "")]

NUMBERS = [
    *(
        "1",
        "1.5",
        ".5",
        "5.",
        "1e5",
        "1E+5",
        "1e-5",
        "1e",
        "e1",
        "1e999",
        "1e-999",
        "1d",
        "1.5f",
        "1e5F",
        "1L",
        "",
        ".",
    ),
    *("0x10", "0x1p3", "0X.8P-2", "0x1.p1", "0x1p3d", "0x1p99999999999", "0x1p-1074", "0x1p-1075", "0x1.8p-1074"),
    *("0x1.fffffffffffff8p1023", "inf", "iNf", "Infinity", "INFINITY", "infd", "nan", "NaN", "NAN", "nan(1)", "NaNd"),
    *("TRUE", "true", "True", "tRUE", "FALSE", "false", "False", "1_000", "1,000", "1 2", "1.2.3", "\u0661", "\uff11"),
    *("123456789012345", "1234567890123456", "1.7976931348623157e308", "1.7976931348623159e308", "9" * 400, "NA"),
    *("2.4703282292062327e-324", "2.4703282292062328e-324", "4.9e-324", f"0.{'0' * 400}1e400", f"1{'0' * 400}e-400"),
]
MOMENTS = [
    *("2024-06-30", "2024-6-3", "20240630", "20240630T1200", "20240630T120000", "20240630T120000Z", "20240630T12"),
    *("20240630T1200+0200", "20240630T120000z", "2024-06-30T12:00", "2024-06-30 12:00:00", "2024-06-30T12:00:00Z"),
    *("2024-06-30T12:00:00.123456Z", "2024-06-30T12:00:00.1+02:00", "2024-06-30 12:00Z", "2024-06-30 12:00-05:30"),
    *("2024-06-30 12:00:00 Europe/Berlin", "2024-06-30 12:00:00 NZ", "2024-06-30 12:00:00 Mars/Olympus"),
    *("2024-03-31 02:30:00 Europe/Vaduz", "2024-10-27 02:30:00 Europe/Vaduz", "2900-07-01 12:00:00 Europe/Vaduz"),
    *("12024-06-30T12:00:00Z", "12024-06-30T12:00:00 NZ", "0000-02-29T00:00:00 NZ", "299999-01-01T00:00:00Z"),
    *("2024-06-30 12:00:00 GMT+01:00", "2024-06-30 12:00:00 UTC+0100", "2024-06-30 12:00:00 UT-5", "2024-06-30Z"),
    *("2024-06-30 12:00:00 PST", "2024-06-30 12:00:00 EST", "2024-06-30 12:00:00 pst", "2024-06-30 12:00:00 GMT0"),
    *("2024-06-30 12:00:00+5:30", "2024-06-30 12:00:00+05:3", "2024-06-30 12:00:00+18:00", "2024-06-30 12:00:00+18:01"),
    *(
        "2024-06-30 12:00:00+010203",
        "2024-06-30 12:00:00+01:02:03",
        "2024-06-30 12:00:00+17:60",
        "2024-06-30 12:00:00+1",
    ),
    *("0001-01-01", "0000-01-01", "9999-12-31 23:59:59.999999", "2900-01-01 00:00:00.000001", "1582-10-10"),
    *("2900-01-01 00:00:00.000001Z", "1900-02-29", "2023-13-01", "2024-06-31", "2024-06-30 24:00:00"),
    *("2024-06-30 12:60:00", "2024-06-30 12:00:60", "2024-06-30 12:00:00.", "2024-06-30 12:00:00.1234567891"),
    *(
        "2024-06-30 12:00:00..5",
        "2024-06-30 12",
        "2024-06-30 1:2:3",
        "2024-06-30T",
        "2024",
        "2024-06",
        "T12:00",
        "12:00",
    ),
    *("202406", "1719748800", "2024-06-30 12:00:00.5 z", "2024-06-30T12Z", "2024-06-30T12:00z", "2024-06-30  12:00:00"),
]
SIGNS = {
    "number": "0123456789dDfFeEpPxX:-+._ nNaAiIyt\t\n\r\x85\u2028\x00\x7f",
    "moment": "0123456789-:+. TtZz/\t\n\r\x00",
}


def odd_texts(texts, signs, count, seed):
    """Texts with something around them, and with up to three signs more, fewer or others."""
    draw = random.Random(seed)
    found = dict.fromkeys(f"{before}{text}{after}" for text in texts for before, after in AROUND)
    while len(found) < count:
        changed = list(draw.choice(texts))
        for _ in range(draw.randint(1, 3)):
            place, length = draw.randint(0, len(changed)), draw.randint(0, 1)
            changed[place : place + length] = draw.choice(signs) * draw.randint(0, 1)
        found["".join(changed)] = None
    return list(found)


def asked(spark, array, *expressions):
    """What expressions of a column and its type give: an Arrow array each."""
    import pyspark.sql.functions as F

    frame = spark.createDataFrame(pa.table({"i": pa.array(range(len(array))), "v": array}))
    values = [each(F.col("v"), frame.schema["v"].dataType).alias(f"e{i}") for i, each in enumerate(expressions)]
    found = frame.select("i", *values).toArrow().sort_by("i")
    return [found[f"e{i}"].combine_chunks() for i in range(len(expressions))]


def assert_same(ours, theirs, source):
    """Equal to the bit, the sign of zero included; one NaN is as good as another."""
    assert ours.type == theirs.type
    pairs = zip(_values(source), _values(ours), _values(theirs), strict=True)
    wrong = [(of, mine, spark) for of, mine, spark in pairs if _told(mine) != _told(spark)]
    assert not wrong, f"{len(wrong)} of {len(source)}, such as {wrong[:5]}"


def _values(array):
    """Python has no dates before the year 1: their count of days or microseconds stands for them."""
    if pa.types.is_date(array.type) or pa.types.is_timestamp(array.type):
        return array.cast(pa.int32() if pa.types.is_date(array.type) else pa.int64()).to_pylist()
    return array.to_pylist()


def _told(value):
    return repr(value) if isinstance(value, float) else value


def test_texts_as_numbers(spark):
    from tests.support.catalyst import convert

    draw = random.Random(2)
    decimals = [f"{draw.random() * 10 ** draw.randint(-5, 20):.{draw.randint(0, 25)}f}" for _ in range(1000)]
    bits = [repr(struct.unpack("d", struct.pack("Q", draw.getrandbits(64)))[0]) for _ in range(1000)]
    hexadecimal = [
        f"0x{draw.getrandbits(80):x}.{draw.getrandbits(40):x}p{draw.randint(-1200, 1000)}" for _ in range(500)
    ]
    odd = odd_texts(NUMBERS, SIGNS["number"], 6000, 3)
    text = pa.array([None, *odd, *decimals, *bits, *hexadecimal])
    markers = ("NA", "", "1.5", " 1")

    plain, number, unmarked, missing, category = asked(
        spark,
        text,
        convert.plain_number_of,
        convert.number_of,
        lambda column, _: convert.without_markers(column, markers),
        convert.is_missing,
        convert.category_of,
    )

    assert plain.null_count < len(text) - 2000, "too few are numbers"
    assert_same(cells.plain_number_of(text), plain, text)
    assert_same(cells.number_of(text), number, text)
    assert_same(cells.without_markers(text, markers), unmarked, text)
    assert_same(pa.array(cells.is_missing(text)), missing, text)
    assert_same(cells.category_of(text), category, text)


def test_texts_as_moments(spark):
    import pyspark.sql.functions as F

    from tests.support.catalyst import kinds, moment

    text = pa.array([None, *odd_texts(MOMENTS, SIGNS["moment"], 12_000, 4)])

    def local(column, _):
        return F.when(kinds.is_time_text(F.trim(column)), F.trim(column).try_cast("timestamp_ntz"))

    seconds, moments, dates, date_times = asked(
        spark,
        text,
        moment.seconds_of,
        local,
        lambda column, _: F.coalesce(kinds.is_date_text(column), F.lit(False)),
        lambda column, _: F.coalesce(kinds.is_time_text(column), F.lit(False)),
    )

    assert seconds.null_count < len(text) - 1000, "too few are moments"
    assert_same(times.timestamp_of(text, dated=True), seconds, text)
    assert_same(times.as_timestamp_ntz(text), moments, text)
    assert_same(pa.array(times.is_date_text(text)), dates, text)
    assert_same(pa.array(times.is_time_text(text)), date_times, text)


def test_counts_of_texts(spark):
    import pyspark.sql.functions as F

    from tests.support.catalyst.convert import plain_number_of
    from tests.support.catalyst.kinds import is_date_text, is_time_text

    text = pa.array(
        [*odd_texts(NUMBERS, SIGNS["number"], 3000, 5), *odd_texts(MOMENTS, SIGNS["moment"], 3000, 6), None]
    )

    def trimmed(function):
        return lambda column, kind: F.coalesce(function(F.trim(column), kind), F.lit(False))

    found = asked(
        spark,
        text,
        lambda column, _: column.isNotNull(),
        trimmed(lambda value, kind: plain_number_of(value, kind).isNotNull()),
        trimmed(lambda value, _: value.rlike(r"^[+-]?\d{1,15}$")),
        trimmed(lambda value, _: value.isin(*TRUE, *FALSE)),
        trimmed(lambda value, _: is_date_text(value)),
        trimmed(lambda value, _: is_time_text(value)),
    )

    assert all(1 < pc.sum(each).as_py() < len(text) for each in found)
    for first in range(0, len(text), 500):
        expected = TextCounts(*(pc.sum(each[first : first + 500]).as_py() for each in found))
        assert count_texts(text[first : first + 500]) == expected
    for i in range(0, len(text), 7):
        assert count_texts(text[i : i + 1]) == TextCounts(*(int(each[i].as_py()) for each in found)), text[i]


def test_types_of_columns_of_texts(spark):
    import pyspark.sql.functions as F

    from tests.support.catalyst.convert import without_markers
    from tests.support.catalyst.kinds import seen_types

    columns = {
        "integer": ["12"] * 99 + ["x"],
        "number": ["12"] * 99 + ["1.5"],
        "boolean": ["true", "False"] * 50,
        "counted": ["true", "1"] * 50,
        "date": [" 2024-06-30"] * 99 + ["x"],
        "timestamp": ["2024-06-30"] * 99 + ["2024-06-30 12:00"],
        "text": ["2024-06-30"] * 98 + ["x"] * 2,
        "none": ["NA"] * 99 + [None],
        "marked": ["NA "] * 99 + ["1"],
    }
    rows = spark.createDataFrame(pa.table(columns))
    types = seen_types(rows.select(*(without_markers(F.col(name), ("NA",)).alias(name) for name in columns)))

    assert set(types.values()) == {"integer", "number", "boolean", "date", "timestamp", "text"}
    for name, values in columns.items():
        assert count_texts(cells.without_markers(pa.array(values), ("NA",))).type() == types[name], name


def typed(draw):
    """A column of each type, with odd values of it; all of the same length."""
    count = 1500
    bits = [struct.unpack("d", struct.pack("Q", draw.getrandbits(64)))[0] for _ in range(400)]
    doubles = [0.0, -0.0, 0.5, 1e-3, 9.999e-4, 1e7, 9999999.5, 12345678.5, 2.0**53, 2.0**53 - 1, -(2.0**53), 2.0**63]
    doubles += [float("nan"), float("inf"), float("-inf"), 5e-324, 2.2250738585072014e-308, 1e16, 123456.75, *bits]
    doubles += [round(draw.gauss(0, 1e4), draw.randint(0, 6)) for _ in range(400)]
    longs = [0, 2**53 + 1, 2**63 - 1, -(2**63), *(draw.getrandbits(64) - 2**63 for _ in range(100))]
    # Times of years that the calendars of Java count without an overflow.
    micros = [0, 1, 10, -1, -62_135_596_800_000_001, -62_167_219_200_000_001, 253_402_300_800_000_000, 2**53 + 1]
    micros += [draw.randint(-(9 * 10**18), 9 * 10**18) for _ in range(300)]
    micros += [draw.randint(-62_135_510_400, 9_000_000_000) * draw.choice([10**6, 10**6 + 1]) for _ in range(400)]
    days = [value // 86_400_000_000 for value in micros]
    values = {
        "bool": ([True, False], pa.bool_()),
        "int8": ([0, -128, 127], pa.int8()),
        "int64": (longs, pa.int64()),
        "uint32": ([0, 2**32 - 1], pa.uint32()),
        "uint64": ([0, 2**53, 2**53 + 1, 2**64 - 1, *(value + 2**63 for value in longs[4:])], pa.uint64()),
        "float": ([value for value in doubles if not 3e38 < abs(value) < float("inf")], pa.float32()),
        "double": (doubles, pa.float64()),
        "decimal": ([Decimal(value).scaleb(-2) for value in (0, 5, -1, 10**17)], pa.decimal128(18, 2)),
        "tiny": (
            [Decimal(draw.randint(-(10**38) + 1, 10**38 - 1)).scaleb(-38) for _ in range(90)],
            pa.decimal128(38, 38),
        ),
        "large": ([Decimal(draw.getrandbits(size)).scaleb(-10) for size in range(126)], pa.decimal128(38, 10)),
        "date": (days, pa.int32()),
        "instant": (micros, pa.int64()),
        "local": (micros, pa.int64()),
        "list": ([[1.5, None], [], [1e7]], pa.list_(pa.float64())),
        "struct": ([{"a": 1, "b": "x"}, {"a": None, "b": None}], pa.struct({"a": pa.int64(), "b": pa.string()})),
        "map": ([[("a", 1), ("b", None)], []], pa.map_(pa.string(), pa.int64())),
    }
    kinds = {"date": pa.date32(), "instant": pa.timestamp("us", "UTC"), "local": pa.timestamp("us")}
    arrays = {name: pa.array([*(some * count)[: count - 1], None], kind) for name, (some, kind) in values.items()}
    return pa.table({name: array.cast(kinds.get(name, array.type)) for name, array in arrays.items()})


NUMERIC = ("int8", "int64", "uint32", "uint64", "float", "double", "decimal", "tiny", "large")
DATED = ("date", "instant", "local")
FLOATS = {"double": float, "float": lambda text: float(np.float32(text))}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_typed_columns(spark, tmp_path, zone):
    import pyspark.sql.functions as F

    from tests.support.catalyst import convert, kinds, moment

    table = typed(random.Random(7))
    pq.write_table(table.append_column("i", pa.array(range(len(table)))), tmp_path / "typed.parquet")
    spark.conf.set("spark.sql.session.timeZone", zone)
    try:
        frame = spark.read.parquet(str(tmp_path / "typed.parquet"))
        of_type = {field.name: field.dataType for field in frame.schema.fields}
        columns = {
            f"{name} {what}": function(F.col(name), of_type[name])
            for name in table.column_names
            for what, function in {
                "category": convert.category_of,
                "missing": convert.is_missing,
                "raw": lambda column, _: column.cast("string"),
                **(
                    {"number": convert.number_of, "plain": convert.plain_number_of}
                    if name in (*NUMERIC, "bool")
                    else {}
                ),
                **({"moment": moment.seconds_of} if name in DATED else {}),
                **({"ntz": lambda column, _: column.cast("timestamp_ntz")} if name in DATED else {}),
                **({"place": lambda column, _: convert.finite(column.cast("double"))} if name in NUMERIC else {}),
            }.items()
        }
        found = frame.select("i", *(column.alias(name) for name, column in columns.items())).toArrow().sort_by("i")
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")

    ours = {
        "category": lambda array: cells.category_of(array, zone=zone),
        "missing": lambda array: pa.array(cells.is_missing(array)),
        "raw": lambda array: cells.raw_text(array, zone=zone),
        "number": cells.number_of,
        "plain": cells.plain_number_of,
        "moment": lambda array: times.timestamp_of(array, dated=True, zone=zone),
        "ntz": lambda array: times.as_timestamp_ntz(array, zone=zone),
        "place": lambda array: times.timestamp_of(array, dated=False),
    }
    exact = int(spark._jvm.System.getProperty("java.specification.version")) >= 19
    for name in columns:
        of, what = name.split()
        source, theirs = table[of].combine_chunks(), found[name].combine_chunks()
        mine = ours[what](source)
        if what in ("category", "raw") and (of in FLOATS or of in ("uint64", "tiny", "large")) and not exact:
            worth = FLOATS[of] if of in FLOATS and what == "raw" else float
            mine, theirs = by_java_17(mine, theirs, worth)
        assert_same(mine, theirs, source)
    for name in table.column_names:
        assert cells.column_type(table[name].type) == kinds.type_of(of_type[name]), name
        for numeric in (True, False):
            usable = convert.is_usable(of_type[name], numeric=numeric)
            assert cells.is_usable(table[name].type, numeric=numeric) == usable, name


def by_java_17(ours, theirs, worth):
    """Ours, and theirs with our digits where Java 17 gives others for the same number, and no fewer.

    It gives a digit more to a third of the whole numbers from 2 to the power of 53 to that of 63, and to few others.
    """
    texts = []
    for mine, java in zip(ours.to_pylist(), theirs.to_pylist(), strict=True):
        same = mine is not None and java is not None and len(mine) <= len(java) and worth(mine) == worth(java)
        texts.append(mine if same else java)
    alike = pc.mean(pc.equal(ours, theirs)).as_py()
    assert alike > 0.6, f"only {alike:.0%} of the texts are the same"
    return ours, pa.array(texts, pa.string())
