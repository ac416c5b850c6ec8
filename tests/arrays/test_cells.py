"""Cells of Arrow arrays as numbers and as texts; test_cells_against_spark.py holds them against Spark."""

from __future__ import annotations

import math
import random
import struct
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import cells
from pipeline.arrays.notation import java_texts

NAN, INF = math.nan, math.inf
HAS_HALVES = int(pa.__version__.split(".")[0]) >= 15

TYPES = [
    (pa.int8(), True, True, "integer"),
    (pa.uint32(), True, True, "integer"),
    (pa.uint64(), True, True, "number"),
    # Of numbers of 16 bits Arrow can do nothing before version 15, and neither Parquet nor Spark has any.
    *([(pa.float16(), True, True, "number")] if HAS_HALVES else []),
    (pa.float32(), True, True, "number"),
    (pa.decimal128(10, 2), True, True, "number"),
    (pa.bool_(), True, True, "boolean"),
    (pa.string(), True, True, "text"),
    (pa.large_string(), True, True, "text"),
    (pa.dictionary(pa.int32(), pa.string()), True, True, "text"),
    (pa.dictionary(pa.int8(), pa.large_string()), True, True, "text"),
    (pa.date32(), False, True, "date"),
    (pa.date64(), False, True, "date"),
    (pa.timestamp("ns"), False, True, "timestamp"),
    (pa.timestamp("s", "UTC"), False, True, "timestamp"),
    (pa.binary(), False, False, "text"),
    (pa.list_(pa.int64()), False, False, "text"),
    (pa.time64("us"), False, False, "text"),
    (pa.null(), False, False, "text"),
]


@pytest.mark.parametrize(("kind", "numeric", "category", "name"), TYPES, ids=[str(kind) for kind, *_ in TYPES])
def test_what_a_type_can_be(kind, numeric, category, name):
    assert cells.is_usable(kind, numeric=True) == numeric
    assert cells.is_usable(kind, numeric=False) == category
    assert cells.column_type(kind) == name


@pytest.mark.parametrize("kind", [kind for kind, *_ in TYPES], ids=str)
def test_no_rows_and_no_values_are_fine(kind):
    for array in (pa.nulls(0, kind), pa.nulls(3, kind), pa.nulls(5, kind)[1:3]):
        assert cells.category_of(array).equals(pa.nulls(len(array), pa.string()))
        assert cells.raw_text(array).equals(pa.nulls(len(array), pa.string()))
        assert cells.is_missing(array).tolist() == [True] * len(array)
        if cells.is_usable(kind, numeric=True):
            assert cells.number_of(array).equals(pa.nulls(len(array), pa.float64()))
            assert cells.plain_number_of(array).equals(pa.nulls(len(array), pa.float64()))


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us"), pa.binary()], ids=str)
def test_what_is_no_number_is_refused(kind):
    with pytest.raises(TypeError, match="holds no numbers"):
        cells.number_of(pa.nulls(1, kind))


def test_plain_arrays_are_not_copied():
    for array in (pa.array([1.5, None]), pa.array(["a", None]), pa.array([1])):
        assert cells.plain(array) is array


def test_finer_times_lose_the_rest_downwards():
    moments = pa.array([1_500, -1, None], pa.int64()).cast(pa.timestamp("ns", "UTC"))
    days = pa.array([-1, 86_400_000, None], pa.int64()).cast(pa.date64())

    assert cells.plain(moments).equals(pa.array([1, -1, None], pa.int64()).cast(pa.timestamp("us", "UTC")))
    assert cells.plain(days).equals(pa.array([-1, 1, None], pa.int32()).cast(pa.date32()))


def test_null_markers_may_have_spaces_around_them():
    text = pa.array(["NA", "  NA ", "\tNA", "na", "", "  ", None, "NA x"])

    assert cells.without_markers(text, ("NA", "")).to_pylist() == [None, None, "\tNA", "na", None, None, None, "NA x"]
    assert cells.without_markers(text, ()) is text
    assert cells.without_markers(text[:0], ("NA",)).to_pylist() == []


NUMBERS = {
    **{"1": 1.0, " 1.5 ": 1.5, "\t1\n": 1.0, "\x001\x1f": 1.0, "+.5": 0.5, "5.": 5.0, "-0": -0.0, "1E+05": 1e5},
    **{
        "": None,
        ".": None,
        "+": None,
        "1e": None,
        "--1": None,
        "1_0": None,
        "1,0": None,
        "\u0661": None,
        "\xa01": None,
    },
    **{"1d": None, "1F": None, "\t1d": None, "1d\t": 1.0, "1.5e3f\n": 1500.0, "1x": None, "1 2": None},
    **{"inf": INF, "-Infinity": -INF, "+INF": INF, "\tinf": None, "inf\t": INF, "infd": None},
    **{"nan": NAN, "NAN": NAN, "-NaN": NAN, "+NaN": NAN, "-nan": None, "+nan": None, "nan(1)": None, "NaNd": None},
    **{"0x1p3": 8.0, "0X.8P1": 1.0, "-0x1.8p1": -3.0, "0x10": None, "0x1p3d": None, "0x1p3f\t": 8.0},
    **{"0x1p9999999999": INF, "-0x1p1024": -INF, "0x1p-9999999999": 0.0, "0x0.0000000000001p-1022": 5e-324},
    **{"1e999": INF, "-1e999": -INF, "1e-999": 0.0, "0." + "0" * 400 + "1e401": 1.0, "9" * 400: INF},
    **{"2.4703282292062327e-324": 0.0, "2.4703282292062328e-324": 5e-324, "1.7976931348623159e308": INF},
}


def test_texts_are_numbers_as_java_reads_them():
    # Alone, in a column that has nothing else, and beside others, by the slow way: the same.
    together = cells.plain_number_of(pa.array(list(NUMBERS)))
    for (text, number), found in zip(NUMBERS.items(), together.to_pylist(), strict=True):
        for each in (found, *cells.plain_number_of(pa.array([text, text])).to_pylist()):
            assert (each is None) == (number is None), text
            assert number is None or struct.pack("d", each) == struct.pack("d", number), text


def test_true_and_false_are_numbers_where_asked_for():
    text = pa.array(["TRUE", "true", "True", "FALSE", "false", "False", "tRUE", " true", None, "2"])
    flags = pa.array([True, False, None])

    assert cells.number_of(text).to_pylist() == [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, None, None, None, 2.0]
    assert cells.plain_number_of(text).to_pylist() == [None] * 9 + [2.0]
    assert cells.number_of(flags).to_pylist() == [1.0, 0.0, None]
    assert cells.plain_number_of(flags).to_pylist() == [None, None, None]


@given(st.lists(st.floats(allow_nan=False) | st.none(), max_size=20), st.sampled_from(["", " ", "x"]))
def test_every_double_is_read_back(values, beside):
    texts = [None if value is None else repr(value) for value in values]

    found = cells.number_of(pa.array([beside, *texts], pa.string()))[1:]

    assert found.equals(pa.array(values, pa.float64()))


def test_integers_and_decimals_are_the_nearest_doubles():
    draw = random.Random(1)
    unscaled = [draw.randint(-(10**digits), 10**digits) for digits in range(1, 38) for _ in range(20)]
    whole = [value for value in unscaled if abs(value) < 1 << 63]
    for scale in (0, 2, 22, 23, 38):
        decimals = [Decimal(value).scaleb(-scale) for value in unscaled if len(str(abs(value))) <= 38]
        array = pa.array([None, *decimals], pa.decimal128(38, scale))

        assert cells.number_of(array[1:]).to_pylist() == [float(value) for value in decimals]
    assert cells.number_of(pa.array(whole)).to_pylist() == [float(value) for value in whole]
    assert cells.number_of(pa.array([2**64 - 1, 2**63 + 1025], pa.uint64())).to_pylist() == [2.0**64, 2.0**63 + 2048]


def test_categories_of_numbers_are_alike_in_every_type():
    for kind in (pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(7, 2)):
        assert cells.category_of(pa.array([98002, None, 0], kind)).to_pylist() == ["98002", None, "0"]


DOUBLES = {
    **{-0.0: "0", 0.5: "0.5", 1e7: "10000000", 1.5e7: "15000000", 12345678.5: "1.23456785E7", 1e-3: "0.001"},
    **{9.999e-4: "9.999E-4", -1e-5: "-1.0E-5", 2.0**53 - 1: "9007199254740991", 2.0**53: "9.007199254740992E15"},
    **{1e23: "1.0E23", 2e23: "2.0E23", 5e-324: "4.9E-324", 1e-323: "9.9E-324", INF: "Infinity", -INF: "-Infinity"},
    **{1.7976931348623157e308: "1.7976931348623157E308", 2.2250738585072014e-308: "2.2250738585072014E-308"},
}


def test_doubles_are_written_as_java_writes_them():
    assert cells.number_text(pa.array([None, *DOUBLES])).to_pylist() == [None, *DOUBLES.values()]
    assert cells.number_text(pa.array([NAN, 1.0])).to_pylist() == ["NaN", "1"]
    assert cells.category_of(pa.array([NAN, 1.0])).to_pylist() == [None, "1"]
    assert cells.raw_text(pa.array([-0.0, 1.0, 1e7, 0.25, NAN])).to_pylist() == ["-0.0", "1.0", "1.0E7", "0.25", "NaN"]


def test_single_floats_are_doubles_as_categories_and_themselves_where_shown():
    array = pa.array([0.1, 1e7, 1e-45, 123456792.0], pa.float32())

    expected = ["0.10000000149011612", "10000000", "1.401298464324817E-45", "123456792"]
    assert cells.category_of(array).to_pylist() == expected
    assert cells.raw_text(array).to_pylist() == ["0.1", "1.0E7", "1.4E-45", "1.2345679E8"]
    if HAS_HALVES:
        assert cells.raw_text(pa.array(np.array([1.5], np.float16))).to_pylist() == ["1.5"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_java_s_digits_are_the_fewest_and_read_back(values):
    for value, text in zip(values, java_texts(pa.array(values)).to_pylist(), strict=True):
        mantissa, _, exponent = text.partition("E")
        assert float(text) == value and "." in mantissa
        assert bool(exponent) == (value != 0 and not 1e-3 <= abs(value) < 1e7)
        assert len(Decimal(text).normalize().as_tuple().digits) <= max(2, len(Decimal(repr(value)).as_tuple().digits))


def test_decimals_show_all_their_digits():
    values = [Decimal("0E-10"), Decimal("1E-10"), Decimal("-1.5"), None]

    shown = ["0.0000000000", "0.0000000001", "-1.5000000000", None]
    assert cells.raw_text(pa.array(values, pa.decimal128(20, 10))).to_pylist() == shown
    assert cells.category_of(pa.array(values, pa.decimal128(20, 10))).to_pylist() == ["0", "1.0E-10", "-1.5", None]
    assert cells.raw_text(pa.array([2**64 - 1], pa.uint64())).to_pylist() == ["18446744073709551615"]
    assert cells.category_of(pa.array([2**64 - 1], pa.uint64())).to_pylist() == ["1.8446744073709552E19"]


DAYS = {
    **{-719_894: "-0002-12-31", -719_529: "-0001-12-31", -719_528: "0000-01-01", -719_162: "0001-01-01"},
    **{-141_428: "1582-10-14", 0: "1970-01-01", 2_932_896: "9999-12-31", 2_932_897: "+10000-01-01"},
    **{106_751_990: "+294247-01-09", -106_751_991: "-290308-12-22"},
}


def test_dates_of_all_years_have_texts():
    array = pa.array([None, *DAYS], pa.int32()).cast(pa.date32())

    assert cells.category_of(array).to_pylist() == [None, *DAYS.values()]


def test_times_have_no_zeros_at_the_end():
    micros = {
        **{0: "1970-01-01 00:00:00", 100_000: "1970-01-01 00:00:00.1", -1: "1969-12-31 23:59:59.999999"},
        **{1_000_010: "1970-01-01 00:00:01.00001", 9 * 10**18: "+287168-08-24 16:00:00"},
        **{-62_167_219_200_000_001: "-0001-12-31 23:59:59.999999", -(10**17) + 1: "-1199-02-15 14:13:20.000001"},
    }
    for kind in (pa.timestamp("us"), pa.timestamp("us", "Asia/Tokyo")):
        array = pa.array([None, *micros], pa.int64()).cast(kind)
        assert cells.category_of(array).to_pylist() == [None, *micros.values()]


ZONED = [
    ("America/New_York", 0, "1969-12-31 19:00:00"),
    ("America/New_York", -62_135_596_800, "0000-12-31 19:03:58"),
    ("America/New_York", 9_000_000_000_000, "+287168-08-24 12:00:00"),
    ("America/New_York", 4_503_599_627, "2112-09-17 19:53:47"),
    ("America/New_York", 18_014_398_509, "2540-11-07 18:35:09"),
    ("Asia/Kolkata", 0, "1970-01-01 05:30:00"),
    ("+05:30", 0, "1970-01-01 05:30:00"),
    ("GMT-1", 0, "1969-12-31 23:00:00"),
    ("PST", 0, "1969-12-31 16:00:00"),
]


@pytest.mark.parametrize(("zone", "seconds", "text"), ZONED)
def test_instants_are_shown_in_the_zone(zone, seconds, text):
    array = pa.array([seconds, None], pa.int64()).cast(pa.timestamp("s", "UTC"))

    assert cells.category_of(array, zone=zone).to_pylist() == [text, None]
    naive = cells.category_of(array.cast(pa.timestamp("s")), zone=zone)
    assert naive.equals(cells.category_of(array, zone="UTC"))


def test_an_unknown_zone_is_refused():
    with pytest.raises(ValueError, match="'Mars/Olympus' is not a time zone"):
        cells.raw_text(pa.nulls(1, pa.timestamp("us", "UTC")), zone="Mars/Olympus")


def test_values_of_other_types_are_shown_as_spark_shows_them():
    lists = pa.array([[9], [1, None], [], None])[1:]
    structs = pa.array([{"a": 0, "b": ""}, {"a": 1, "b": "x"}, {"a": None, "b": None}, None])[1:]
    maps = pa.array([[("z", 0.0)], [("a", 1.0), ("b", None)], [], None], pa.map_(pa.string(), pa.float64()))[1:]
    fixed = pa.array([[1.5, 2.0], None], pa.list_(pa.float64(), 2))

    assert cells.raw_text(lists).to_pylist() == ["[1, null]", "[]", None]
    assert cells.raw_text(structs).to_pylist() == ["{1, x}", "{null, null}", None]
    assert cells.raw_text(maps).to_pylist() == ["{a -> 1.0, b -> null}", "{}", None]
    assert cells.raw_text(fixed).to_pylist() == ["[1.5, 2.0]", None]
    assert cells.raw_text(pa.array([[[date(2024, 1, 2)]], None])).to_pylist() == ["[[2024-01-02]]", None]
    assert cells.raw_text(pa.array([b"ab", b"\xff", None])).to_pylist() == ["ab", "\ufffd", None]
    assert cells.raw_text(pa.array([datetime(2024, 1, 1, 1, 2, 3).time()])).to_pylist() == ["01:02:03"]


def test_missing_is_where_a_category_is_null():
    arrays = [
        pa.array([1.0, NAN, None, INF]),
        pa.array([1.0, NAN, None], pa.float32()),
        pa.array(["NaN", "", None]),
        pa.array([True, None]),
        pa.array([Decimal("1.5"), None]),
        pa.array(["a", None, "a"]).dictionary_encode(),
    ]
    for array in arrays:
        missing = cells.is_missing(array)
        assert missing.dtype == np.bool_
        assert missing.tolist() == cells.category_of(array).is_null().to_pylist()


def test_finite_numbers():
    number = pa.array([1.0, NAN, INF, -INF, None])

    assert cells.is_finite(number).to_pylist() == [True, False, False, False, None]
    assert cells.finite(number).to_pylist() == [1.0, None, None, None, None]
    fine = pa.array([1.0, None])
    assert cells.finite(fine) is fine


def test_slices_and_dictionaries_read_like_their_values():
    text = pa.array(["x", "1.5", None, " 2", "x", "true"])
    for array in (text, text.dictionary_encode(), text.cast(pa.large_string())):
        assert cells.number_of(array[1:5]).to_pylist() == [1.5, None, 2.0, None]
        assert cells.category_of(array[1:5]).to_pylist() == ["1.5", None, " 2", "x"]
    assert pc.all(pc.equal(cells.number_text(pa.array([1.5, 2.0, 1e9 + 0.5])[1:]), pa.array(["2", "1.0000000005E9"])))
