"""Columns as points in time; test_cells_against_spark.py holds them against Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays.times import as_timestamp_ntz, dated_by_type, is_date_text, is_time_text, timestamp_of
from pipeline.errors import DataError

NOON = datetime(2024, 6, 30, 12, tzinfo=UTC).timestamp()
MIDNIGHT = NOON - 12 * 3600

TEXTS = {
    **{"2024-06-30": MIDNIGHT, "20240630": MIDNIGHT, "2024-6-30": MIDNIGHT, " 2024-06-30 ": MIDNIGHT},
    **{"2024-06-30 12:00": NOON, "2024-06-30T12:00:00": NOON, "20240630T1200": NOON, "20240630T120000": NOON},
    **{"2024-06-30 12": NOON, "2024-06-30 12:0:0": NOON, "2024-06-30 12:00:00.5": NOON + 0.5},
    **{"2024-06-30 12:00:00.": NOON, "2024-06-30T12:00:00.123456789": NOON + 0.123456},
    **{
        "2024-06-30T12:00:00Z": NOON,
        "2024-06-30 12:00Z": NOON,
        "20240630T120000Z": NOON,
        "2024-06-30T12:00:00.25Z": NOON + 0.25,
    },
    **{
        "2024-06-30T12:00:00+02:00": NOON - 7200,
        "2024-06-30T12:00-05:30": NOON + 19_800,
        "20240630T1200+0200": NOON - 7200,
    },
    **{"2024-06-30 12:00:00.5 GMT+01:00": NOON - 3599.5, "2024-06-30 12:00:00+18:00": NOON - 64_800},
    **{
        "2024-06-30 12:00:00 NZ": NOON - 12 * 3600,
        "2024-06-30 12:00:00 Europe/Berlin": NOON,
        "2024-06-30 12:00:00 PST": NOON,
    },
    **{"2024-06-30 12:00:00 Mars/Olympus": None, "2024-06-30 12:00:00+18:01": None, "2024-06-30Z": None},
    **{"0000-02-29": -62_162_121_600.0, "0001-01-01": -62_135_596_800.0, "9999-12-31": 253_402_214_400.0},
    **{"12024-06-30T12:00:00Z": NOON + 25 * 146_097 * 86_400.0, "299999-01-01T00:00:00Z": None},
    **{"2023-02-29": None, "2023-13-01": None, "2023-00-01": None, "2023-01-00": None, "1900-02-29": None},
    **{"2024-06-30 24:00:00": None, "2024-06-30 12:60": None, "2024-06-30 12:00:60": None, "2024-06-30T": None},
    **{
        "": None,
        "x": None,
        "2024": None,
        "202406": None,
        "T12:00": None,
        "12:00": None,
        "1719748800": None,
        "1.5": None,
    },
    **{
        "2024-06-30x12:00": None,
        "2024/06/30": None,
        "30.06.2024": None,
        "-2024-06-30": None,
        "\uff12\uff10\uff12\uff14-06-30": None,
    },
    **{"2024-06-30\n": MIDNIGHT, "\t2024-06-30": None, "2024-06-30\t": MIDNIGHT, "20240630\u2028": None},
}


def test_texts_are_moments():
    together = timestamp_of(pa.array(list(TEXTS)), dated=True).to_pylist()
    alone = [timestamp_of(pa.array([text, text, None]), dated=True).to_pylist() for text in TEXTS]

    for (text, seconds), found, single in zip(TEXTS.items(), together, alone, strict=True):
        assert found == seconds, text
        assert single == [seconds, seconds, None], text


def test_a_time_without_a_date_is_not_one_of_today():
    assert timestamp_of(pa.array(["12:00:00 +01:00", "12:00:00+01:00"]), dated=True).to_pylist() == [None, None]


@given(st.lists(st.datetimes() | st.none(), max_size=20), st.sampled_from([" ", "T"]), st.integers(-1079, 1079))
def test_iso_texts_are_read_back(moments, sign, minutes):
    texts = pa.array([None if each is None else each.isoformat(sep=sign) for each in moments], pa.string())
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    zoned = pa.array([None if each is None else f"{each}{offset}" for each in texts.to_pylist()], pa.string())
    micros = [None if each is None else (each - datetime(1970, 1, 1)) // timedelta(microseconds=1) for each in moments]
    shifted = [None if each is None else each - minutes * 60_000_000 for each in micros]

    assert timestamp_of(texts, dated=True).to_pylist() == [None if each is None else each / 10**6 for each in micros]
    assert timestamp_of(zoned, dated=True).to_pylist() == [
        None if each is None else float(each) / 10**6 for each in shifted
    ]
    assert as_timestamp_ntz(texts).to_pylist() == moments


def test_numbers_are_their_own_place():
    for array in (pa.array(["1.5", "inf", "x", None]), pa.array([1.5, float("inf"), float("nan"), None])):
        assert timestamp_of(array, dated=False).to_pylist() == [1.5, None, None, None]
    assert timestamp_of(pa.array([3, None]), dated=False).to_pylist() == [3.0, None]
    assert timestamp_of(pa.array([Decimal("0.10")]), dated=False).to_pylist() == [0.1]


def test_dates_and_times_are_seconds():
    days = pa.array([date(1970, 1, 2), date(1, 1, 1), None])
    micros = [1, -1_500_000, 9_007_199_254_740_993, None]

    assert timestamp_of(days, dated=True).to_pylist() == [86_400.0, -62_135_596_800.0, None]
    for unit in ("s", "ms", "us", "ns"):
        moment = pa.array([datetime(2024, 6, 30, 12), None], pa.timestamp(unit))
        assert timestamp_of(moment, dated=True).to_pylist() == [NOON, None]
        assert timestamp_of(moment.cast(pa.timestamp(unit, "Asia/Tokyo")), dated=True).to_pylist() == [NOON, None]
    local = pa.array(micros, pa.int64()).cast(pa.timestamp("us"))
    assert timestamp_of(local, dated=True).to_pylist() == [1e-6, -1.5, float("9007199254.740993"), None]
    instants = local.cast(pa.timestamp("us", "UTC"))
    assert timestamp_of(instants, dated=True).to_pylist() == [1e-6, -1.5, float(micros[2]) / 1e6, None]


def test_what_holds_no_dates_is_refused():
    with pytest.raises(TypeError, match="int64 holds no dates or times"):
        timestamp_of(pa.array([1]), dated=True)


def test_types_tell_dates_from_numbers():
    assert dated_by_type(pa.float32(), "t") is False
    assert dated_by_type(pa.decimal128(5, 2), "t") is False
    assert dated_by_type(pa.date32(), "t") is True
    assert dated_by_type(pa.timestamp("ns", "UTC"), "t") is True
    assert dated_by_type(pa.string(), "t") is None
    assert dated_by_type(pa.dictionary(pa.int32(), pa.large_string()), "t") is None
    for kind in (pa.bool_(), pa.list_(pa.int64())):
        with pytest.raises(DataError, match=r"Column 't' \(data.time\) has no usable type"):
            dated_by_type(kind, "t")


def test_layouts():
    dates = ["2024-06-30", "2024-99-99", "2024-06-30\n", "2024-06-30\r\n", "2024-06-30\u2028"]
    times = ["2024-06-30 12:00", "2024-06-30T12:00:00", "2024-06-30 12:00:00.1234567890", "2024-06-30 99:99"]
    others = ["2024-6-30", " 2024-06-30", "2024-06-30 12:00Z", "2024-06-30 12", "2024-06-30\n\n", "20240630", None, ""]
    text = pa.array([*dates, *times, *others])

    assert is_date_text(text).tolist() == [True] * 5 + [False] * 12
    assert is_time_text(text).tolist() == [True] * 9 + [False] * 8


def test_local_times():
    text = pa.array([" 2024-06-30 ", "2024-06-30T12:00:00.5", "2024-02-30", "20240630", "2024-06-30 12:00Z", None])
    instants = pa.array([0, None], pa.int64()).cast(pa.timestamp("us", "UTC"))

    expected = [datetime(2024, 6, 30), datetime(2024, 6, 30, 12, 0, 0, 500_000), None, None, None, None]
    assert as_timestamp_ntz(text).to_pylist() == expected
    assert as_timestamp_ntz(text).type == as_timestamp_ntz(instants).type == pa.timestamp("us")
    assert as_timestamp_ntz(pa.array([date(2024, 6, 30)])).to_pylist() == [datetime(2024, 6, 30)]
    assert as_timestamp_ntz(instants, zone="America/New_York").to_pylist() == [datetime(1969, 12, 31, 19), None]


def test_no_rows():
    for kind in (pa.string(), pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
        assert timestamp_of(pa.nulls(0, kind), dated=True).equals(pa.nulls(0, pa.float64()))
        assert as_timestamp_ntz(pa.nulls(0, kind)).equals(pa.nulls(0, pa.timestamp("us")))
        assert timestamp_of(pa.nulls(2, kind), dated=True).equals(pa.nulls(2, pa.float64()))
