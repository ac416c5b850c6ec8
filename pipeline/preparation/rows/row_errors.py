"""Row errors, which make a row unusable.

A row error is a condition on a row, a short reason for the quarantine, and a sentence for the message when there are
more such rows than the budget allows. Every pass evaluates the conditions; reasons are worked out only for bad rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import Mask
from pipeline.errors import DataError, Problem, gather
from pipeline.formatting import counted
from pipeline.preparation.reading.row_origins import files_of, line_numbers_of, with_origins
from pipeline.preparation.reading.scan import Batches, Parts, Scan, collect_parts
from pipeline.preparation.rows.typed_rows import Condition, Inputs, TypedRows

SHOWN_CHARACTERS = 80

Describe = Callable[[int, int, str], Problem]
"""Describes a row error: from the number of rows that have it, of all rows, and an example."""
Example = Callable[[TypedRows], pa.Array]
"""An example for each of n rows, string [n]."""


@dataclass(frozen=True)
class RowError:
    """One way in which a row can be unusable.

    Attributes:
        reason: the reason in a few words, for the quarantine.
        condition: which of n rows have the error.
        describe: gives the sentence for a message.
        example: what to show of a row; None for nothing.
    """

    reason: str
    condition: Condition
    describe: Describe
    example: Example | None = None


def row_error_of(
    reason: str, condition: Condition, *, remedy: str, allowed: str = "", example: Example | None = None
) -> RowError:
    """A row error whose message repeats its reason; `reason` begins with a lower-case letter."""

    def describe(count: int, rows: int, shown: str) -> Problem:
        sentence = f"{reason[0].upper()}{reason[1:]} in {count} of {rows} rows"
        return Problem(sentence, allowed, f"'{shown}'" if shown else "", remedy)

    return RowError(reason, condition, describe, example)


def has_row_error(rows: TypedRows, row_errors: Sequence[RowError]) -> Mask:
    """[n]: whether a row has any of the errors."""
    bad = np.zeros(rows.count, bool)
    for row_error in row_errors:
        bad |= row_error.condition(rows)
    return bad


def reasons_of(rows: TypedRows, row_errors: Sequence[RowError]) -> list[str]:
    """The joined reasons of each of n rows."""
    reasons: list[list[str]] = [[] for _ in range(rows.count)]
    for row_error in row_errors:
        for row in np.flatnonzero(row_error.condition(rows)).tolist():
            reasons[row].append(row_error.reason)
    return ["; ".join(row_reasons) for row_reasons in reasons]


def bad_rows_error(
    scan: Scan,
    inputs: Inputs,
    row_errors: Sequence[RowError],
    *,
    total: int,
    bad: int,
    allowed: int,
    setting: str = "data.bad_rows.budget",
) -> DataError:
    """The exception that names each reason with its number of rows and an example; needs another pass.

    Args:
        scan: the rows.
        inputs: how they are read.
        row_errors: from `find_row_errors`.
        total: number of rows in the source.
        bad: number of rows with a row error.
        allowed: number of bad rows that the budget allows.
        setting: the key of the configuration with the budget.
    """

    def count(batches: Batches) -> Parts:
        tables = [_counted(batch, inputs, row_errors) for batch in batches]
        return {"row_errors": pa.concat_tables([_NOTHING, *tables])}

    parts = pa.concat_tables([_NOTHING, *collect_parts(with_origins(scan), count).get("row_errors", [])])
    first = [(name, "ascending") for name in ("row_error", "file", "line", "example")]
    summary = [("rows", "sum"), ("example", "first"), ("file", "first"), ("line", "first")]
    seen = parts.sort_by(first).group_by("row_error", use_threads=False).aggregate(summary)
    problems = [_described(row_errors[row["row_error"]], row, total) for row in seen.to_pylist()]
    if allowed:
        remedy = f"Repair the data, or raise {setting}"
        problems.append(Problem(f"{counted(bad, 'row')} cannot be used", f"{allowed}", f"{bad}", remedy))
    return DataError(gather("The data does not meet the configuration", problems))


_NOTHING = pa.schema(
    [
        ("row_error", pa.int32()),
        ("rows", pa.int64()),
        ("example", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
    ]
).empty_table()


def _described(row_error: RowError, row: Mapping[str, Any], total: int) -> Problem:
    """The sentence of a row error, with the file and the line of the first such row."""
    problem = row_error.describe(row["rows_sum"], total, row["example_first"] or "")
    if row["file_first"] is None:
        return problem
    line = "" if row["line_first"] is None else f", line {row['line_first']:,}"
    return replace(problem, what=f"{problem.what} (first in '{row['file_first']}'{line})")


def _counted(batch: pa.RecordBatch, inputs: Inputs, row_errors: Sequence[RowError]) -> pa.Table:
    """The row errors in a batch, which is of one file: each with its number of rows, an example, file and line.

    The example is of the first line where lines have numbers, and the smallest where they do not.
    """
    rows, files, numbers = inputs.rows(batch), files_of(batch), line_numbers_of(batch)
    columns: dict[str, list[object]] = {name: [] for name in _NOTHING.schema.names}
    for number, row_error in enumerate(row_errors):
        is_bad = row_error.condition(rows)
        if not is_bad.any():
            continue
        example, bad = None, pa.array(is_bad)
        file, line = pc.min(files.filter(bad)).as_py(), pc.min(numbers.filter(bad)).as_py()
        if row_error.example is not None:
            texts = pc.utf8_slice_codeunits(row_error.example(rows).filter(bad), 0, SHOWN_CHARACTERS)
            example = (pc.min(texts) if line is None else texts[0]).as_py()
        for name, value in zip(columns, (number, int(is_bad.sum()), example, file, line), strict=True):
            columns[name].append(value)
    return pa.table(columns, schema=_NOTHING.schema)
