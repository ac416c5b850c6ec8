"""Counts by which a column of texts gets its type; test_cells_against_spark.py holds them against Spark."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.arrays.text_types import TextCounts, count_texts

COUNTED = [
    ("12", TextCounts(1, number=1, integer=1)),
    (" -12 ", TextCounts(1, number=1, integer=1)),
    ("123456789012345", TextCounts(1, number=1, integer=1)),
    ("1234567890123456", TextCounts(1, number=1)),
    ("12\n", TextCounts(1, number=1, integer=1)),
    ("12\u2028", TextCounts(1, integer=1)),
    ("1.0", TextCounts(1, number=1)),
    ("NaN", TextCounts(1, number=1)),
    ("0x1p3", TextCounts(1, number=1)),
    ("1d", TextCounts(1)),
    ("", TextCounts(1)),
    ("TRUE", TextCounts(1, boolean=1)),
    (" false ", TextCounts(1, boolean=1)),
    ("tRUE", TextCounts(1)),
    ("2024-06-30", TextCounts(1, date=1, timestamp=1)),
    (" 2024-99-99\n", TextCounts(1, date=1, timestamp=1)),
    ("2024-06-30\u2028", TextCounts(1, date=1, timestamp=1)),
    ("2024-06-30 12:00", TextCounts(1, timestamp=1)),
    ("2024-06-30T99:00:00.5\r\n", TextCounts(1, timestamp=1)),
    ("20240630", TextCounts(1, number=1, integer=1)),
    ("2024-06-30T12:00Z", TextCounts(1)),
    (None, TextCounts()),
]


@pytest.mark.parametrize(("text", "counts"), COUNTED)
def test_one_text(text, counts):
    assert count_texts(pa.array([text], pa.string())) == counts


def test_counts_add_up_in_one_batch_and_in_several():
    texts = [text for text, _ in COUNTED] * 3
    expected = TextCounts()
    for _ in range(3):
        for _, counts in COUNTED:
            expected = expected.merged(counts)

    array = pa.array(texts)
    assert count_texts(array) == expected
    assert count_texts(array[:20]).merged(count_texts(array[20:])) == expected
    assert count_texts(array[:0]) == TextCounts()


@pytest.mark.parametrize(
    ("counts", "kind"),
    [
        (TextCounts(), "text"),
        (TextCounts(100, number=99, integer=99), "integer"),
        (TextCounts(100, number=98, integer=98), "text"),
        (TextCounts(100, number=100, integer=99), "number"),
        (TextCounts(100, number=50, integer=50, boolean=50), "integer"),
        (TextCounts(100, boolean=99), "boolean"),
        (TextCounts(100, date=99, timestamp=99), "date"),
        (TextCounts(100, date=98, timestamp=99), "timestamp"),
        (TextCounts(100, date=98, timestamp=98), "text"),
    ],
)
def test_the_type_is_that_of_almost_all(counts, kind):
    assert counts.type() == kind
