"""Why rows are bad: asked only after the first query counted some, so that good data does not pay for it."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql.types import StringType

from pipeline.data.read import MALFORMED, RawTable
from pipeline.data.table import Table
from pipeline.errors import DataError, Problem, gather

SHOWN_CHARACTERS = 80


def bad_rows_error(table: Table, raw: RawTable, *, multiline: bool) -> DataError:
    """The error that names each reason, how many rows it has, and an example."""
    names = [name for _, name in table.numbers() if isinstance(raw.kind(name), StringType)]
    texts = {name: _not_a_number(table, raw, name) for name in names}
    if raw.has_lines:
        texts[MALFORMED] = F.col(MALFORMED)
    asked = [
        column for text in texts.values() for column in (F.count(text), F.min(F.substring(text, 1, SHOWN_CHARACTERS)))
    ]
    answer = table.rows.agg(*asked).first()
    assert answer is not None
    found = zip(texts, answer[::2], answer[1::2], strict=True)
    problems = [_problem(name, count, example, multiline) for name, count, example in found if count]
    return DataError(gather("Some rows cannot be read as the configuration says", problems))


def _not_a_number(table: Table, raw: RawTable, name: str) -> Column:
    """The text of a numeric column where it is no number; null on other rows and on malformed lines."""
    safe = next(safe for safe, known in table.numbers() if known == name)
    good_line = F.col(MALFORMED).isNull() if raw.has_lines else F.lit(True)
    return F.when(good_line & F.col(safe).isNull(), F.col(raw.column(name)))


def _problem(name: str, count: int, example: str, multiline: bool) -> Problem:
    if name != MALFORMED:
        remedy = "Repair the data, list the text in data.source.null_values, or make the column categorical"
        return Problem(f"Column '{name}' is no number in {count} rows", received=f"'{example}'", remedy=remedy)
    remedy = "Repair them"
    if not multiline:
        remedy += ", or set data.source.multiline: true where quoted fields hold line breaks"
    allowed = "as many fields as the first line names, or one JSON object"
    return Problem(f"{count} lines are malformed", allowed, f"'{example}'", remedy)
