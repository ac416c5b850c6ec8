"""Which rows hold texts that are not dates, when a store is prepared and when new rows are scored."""

from __future__ import annotations

import pyarrow as pa

from pipeline.arrays.date_texts import find_date_texts
from pipeline.config.expression import parse_expression
from pipeline.kinds.date.config import DateConfig
from pipeline.kinds.date.parts import dates_of
from pipeline.kinds.fitted_features import RawColumn
from pipeline.preparation.reading.raw import RawColumns
from pipeline.preparation.rows.row_checks import find_value_errors
from pipeline.preparation.rows.row_errors import reasons_of
from pipeline.preparation.rows.typed_rows import Inputs
from pipeline.schemas.expression import DerivedColumn
from pipeline.schemas.source_contract import ColumnTerms

KINDS = {"sold": pa.string(), "built": pa.string()}
BATCH = pa.record_batch(
    {
        "sold": ["2014-09-16T00:00:00.000Z", "2014-09-16", "soon", None, " ", "2014-09-31"],
        "built": ["20140916", "2014-09-16 12:30", None, "never", "2010-01-01", "long ago"],
    }
)


def inputs_of(derived) -> Inputs:
    typed = tuple(RawColumn(name=name, type="text") for name in KINDS)
    return Inputs(RawColumns(tuple(KINDS), KINDS), typed, tuple(derived), label=None, weight=None)


def test_new_rows_have_the_fault_too():
    inputs = inputs_of(dates_of(DateConfig(columns=("sold",), parts=("year",), since="built")))
    row_errors = find_value_errors(inputs, (), {}, multiline=False)

    reasons = reasons_of(inputs.rows(BATCH), row_errors)

    sold, built = "column 'sold' is not a date", "column 'built' is not a date"
    assert reasons == ["", "", sold, built, "", f"{sold}; {built}"]


def test_what_the_contract_asks_for_is_said_once():
    inputs = inputs_of(dates_of(DateConfig(columns=("sold", "built"), parts=("year",))))
    terms = {"sold": ColumnTerms(type="date"), "built": ColumnTerms(type="timestamp")}
    row_errors = find_value_errors(inputs, (), terms, multiline=False)

    reasons = reasons_of(inputs.rows(BATCH), row_errors)

    sold, built = "column 'sold' is not a date", "column 'built' is not a date"
    # The contract's date has no time of day, and its timestamp is written with signs.
    assert reasons == [f"{sold}; column 'built' is not a date and time", "", sold, built, sold, f"{sold}; {built}"]


def test_constants_and_guarded_texts_are_not_looked_at():
    texts = ["datediff(sold, '2020-01-01')", "coalesce(year(built), 0)", "year(sold) + month(sold)"]
    types = dict.fromkeys(KINDS, "text")
    derived = [
        DerivedColumn(name=f"d{i}", type="number", expression=parse_expression(text, types))
        for i, text in enumerate(texts)
    ]

    assert [(text.column, text.user) for text in find_date_texts(derived)] == [("sold", "d0")]
