"""Why rows are bad: asked only after the first query counted some, so that good data does not pay for it."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column

from pipeline.data.read import MALFORMED, RawTable
from pipeline.data.table import Table
from pipeline.errors import DataError, Problem, gather

SHOWN_CHARACTERS = 80


def bad_rows_error(table: Table, raw: RawTable, *, multiline: bool) -> DataError:
    """The error that names each reason, how many rows it has, and an example."""
    text_columns = [(safe, name) for safe, name in table.numbers() if raw.kind(name).simpleString() == "string"]
    asked: list[Column] = []
    for safe, name in text_columns:
        text = F.when(_is_good_line(raw) & F.col(safe).isNull(), F.col(raw.column(name)))
        asked += [F.count(text), F.min(F.substring(text, 1, SHOWN_CHARACTERS))]
    if raw.has_lines:
        asked += [F.count(MALFORMED), F.min(F.substring(F.col(MALFORMED), 1, SHOWN_CHARACTERS))]
    answers = iter(table.rows.agg(*asked).first() or ())
    problems = []
    for _, name in text_columns:
        if count := next(answers):
            remedy = "Repair the data, list it in data.source.null_values, or make the column categorical"
            problems.append(Problem(f"Column '{name}' is no number in {count} rows", "", f"'{next(answers)}'", remedy))
        else:
            next(answers)
    if raw.has_lines and (count := next(answers)):
        problems.append(_malformed(count, next(answers), multiline=multiline))
    return DataError(gather("Some rows cannot be read as the configuration says", problems))


def _is_good_line(raw: RawTable) -> Column:
    return F.col(MALFORMED).isNull() if raw.has_lines else F.lit(True)


def _malformed(count: int, example: str, *, multiline: bool) -> Problem:
    remedy = "Repair them"
    if not multiline:
        remedy += ", or set data.source.multiline: true where quoted fields hold line breaks"
    return Problem(f"{count} lines are malformed", "as many fields as the first line", f"'{example}'", remedy)
