"""Layouts of dates, as Arrow and the exported model read them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.arrays.strings import iso_date
from pipeline.schemas.date_layout import date_layout

CASES = [
    ("d/M/yyyy", "5/3/2024", "2024-03-05"),
    ("d/M/yyyy", " 05/12/2024 ", "2024-12-05"),
    ("dd.MM.yyyy", "05.12.2024", "2024-12-05"),
    ("dd.MM.yyyy", "5.12.2024", "5.12.2024"),
    ("dd.MM.yyyy", "05/12/2024", "05/12/2024"),
    ("M/d/yyyy H:mm", "3/5/2024 7:05", "2024-03-05T07:05"),
    ("yyyyMMdd HHmmss", "20240305 070509", "2024-03-05T07:05:09"),
    ("dd/MM/yy", "05/12/24", "2024-12-05"),
    ("d/M/yyyy", "2024-03-05", "2024-03-05"),
    ("d/M/yyyy", "31/02/2024 noon", "31/02/2024 noon"),
]


@pytest.mark.parametrize(("layout", "text", "iso"), CASES)
def test_texts_become_iso_8601(layout, text, iso):
    assert iso_date(pa.array([text, None]), layout).to_pylist() == [iso, None]


def test_the_model_reads_them_alike():
    import tensorflow as tf

    from pipeline.model.expression_functions import OF_CONSTANTS

    for layout, text, iso in CASES:
        assert OF_CONSTANTS["iso_date"](tf.constant([[text]]), layout).numpy().tolist() == [[iso.encode()]]


@pytest.mark.parametrize("layout", ["", "dd/MM", "dd/MM/yyyy HH", "dd/dd/yyyy", "d/M/yyyy ss", "%d/%m/%Y"])
def test_other_layouts_are_refused(layout):
    with pytest.raises(ValueError, match=r"is no layout of dates\. Allowed: yyyy or yy \(20yy\), MM or M"):
        date_layout(layout)
