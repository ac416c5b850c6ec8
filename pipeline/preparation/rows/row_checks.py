"""The checks of every row: those that the configuration implies, and the terms of the source's contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import is_finite, raw_text
from pipeline.arrays.masks import mask_of, missing_of
from pipeline.config.features import TargetConfig
from pipeline.errors import Problem
from pipeline.formatting import counted
from pipeline.kinds.plan import FeaturePlan, NumericPlan
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.preparation.rows.contract_values import broken_terms
from pipeline.preparation.rows.date_texts import LAYOUTS, DateText, find_date_texts
from pipeline.preparation.rows.role_errors import is_not_finite, key_errors, label_errors, weight_errors
from pipeline.preparation.rows.row_errors import RowError, row_error_of
from pipeline.preparation.rows.typed_rows import Condition, Inputs
from pipeline.schemas.source_contract import ColumnTerms


def find_row_errors(
    inputs: Inputs, plan: FeaturePlan, target: TargetConfig, terms: Mapping[str, ColumnTerms], *, multiline: bool
) -> tuple[RowError, ...]:
    """All row errors that the configuration and the terms of the columns imply."""
    row_errors = [*_line_errors(inputs, multiline=multiline), *key_errors(inputs), *label_errors(inputs, target)]
    return _with_values([*row_errors, *weight_errors(inputs)], inputs, plan.numeric, terms)


def find_value_errors(
    inputs: Inputs, numeric: Sequence[NumericPlan], terms: Mapping[str, ColumnTerms], *, multiline: bool
) -> tuple[RowError, ...]:
    """The row errors of lines and values alone, for rows without label, key and weight."""
    return _with_values([*_line_errors(inputs, multiline=multiline)], inputs, numeric, terms)


def _with_values(
    row_errors: list[RowError], inputs: Inputs, numeric: Sequence[NumericPlan], terms: Mapping[str, ColumnTerms]
) -> tuple[RowError, ...]:
    checked = set()
    for feature in numeric:
        if feature.source not in checked:
            checked.add(feature.source)
            row_errors += _number_errors(feature.source, feature.group)
    reasons = {row_error.reason for row_error in row_errors}
    texts = find_date_texts(inputs.derived)
    broken = [row_error for row_error in _broken_terms(inputs, terms, texts) if row_error.reason not in reasons]
    return (*row_errors, *map(_not_a_date, texts), *broken)


def _line_errors(inputs: Inputs, *, multiline: bool) -> Iterator[RowError]:
    """Malformed lines, and texts that are not numbers; the values of a malformed line are not checked."""
    if inputs.raw.has_lines:
        repair = "Repair them, or allow some in data.bad_rows"
        yield _of_lines("one JSON object", repair) if inputs.raw.is_json else _malformed(multiline)
    for column in inputs.typed:
        if column.type == "number" and pa.types.is_string(inputs.raw.kinds[column.name]):
            yield _no_number(column.name)


def _malformed(multiline: bool) -> RowError:
    remedy = "Repair them, correct data.source.encoding where the text is garbled"
    if not multiline:
        remedy += ", set data.source.multiline: true where quoted fields hold line breaks"
    return _of_lines(
        "valid text of as many fields as the first line names", f"{remedy}, or allow some in data.bad_rows"
    )


def _of_lines(allowed: str, remedy: str) -> RowError:
    def describe(count: int, rows: int, example: str) -> Problem:
        return Problem(f"{counted(count, 'line', verb='is')} malformed", allowed, f"'{example}'", remedy)

    return RowError("malformed line", lambda rows: ~rows.good, describe, lambda rows: rows.malformed)


def _no_number(name: str) -> RowError:
    remedy = (
        "Repair the data, list the text in data.source.null_values, make the column categorical, or allow some in "
        "data.bad_rows"
    )
    return RowError(
        f"column '{name}' is not a number",
        lambda rows: rows.good & missing_of(rows.values[name]) & ~missing_of(rows.raw[name]),
        lambda count, rows, example: Problem(
            f"Column '{name}' is not a number in {counted(count, 'row')}", "", f"'{example}'", remedy
        ),
        lambda rows: rows.raw[name],
    )


def _not_a_date(text: DateText) -> RowError:
    name = f"column '{text.user}' reads a text that" if text.column is None else f"column '{text.column}'"
    remedy = "Repair the data, list the text in data.source.null_values, or allow some in data.bad_rows"
    return row_error_of(f"{name} is not a date", text.unreadable, remedy=remedy, allowed=LAYOUTS, example=text.values)


def _broken_terms(inputs: Inputs, terms: Mapping[str, ColumnTerms], texts: Sequence[DateText]) -> Iterator[RowError]:
    """The terms of the columns; a text that is no date is not reported twice where a feature reads it as a date."""
    unreadable = {text.column: text.unreadable for text in texts}
    for name in inputs.raw.names:
        if name in terms:
            for what, allowed, condition in broken_terms(name, terms[name], inputs):
                yield _broken(name, what, allowed, _except(condition, unreadable.get(name)))


def _except(condition: Condition, other: Condition | None) -> Condition:
    return condition if other is None else lambda rows: condition(rows) & ~other(rows)


def _broken(name: str, what: str, allowed: str, condition: Condition) -> RowError:
    remedy = "Repair the data, or edit the contract"
    return row_error_of(
        f"column '{name}' {what}",
        condition,
        remedy=remedy,
        allowed=allowed,
        example=lambda rows: raw_text(rows.raw[name]),
    )


def _number_errors(name: str, group: NumericConfig) -> Iterator[RowError]:
    if group.not_finite == "error":
        yield RowError(
            f"column '{name}' is NaN or infinite",
            lambda rows: is_not_finite(rows.values[name]),
            lambda count, rows, _: Problem(
                f"Column '{name}' is NaN or infinite in {counted(count, 'row')}",
                remedy="Repair them, or set not_finite: null for this column",
            ),
        )
    if group.impute == "error":
        counts_not_finite = group.not_finite != "error"
        yield RowError(
            f"column '{name}' is null",
            lambda rows: ~mask_of(is_finite(rows.values[name])) if counts_not_finite else missing_of(rows.values[name]),
            lambda count, rows, _: Problem(
                f"Column '{name}' is null in {counted(count, 'row')}, and impute is 'error'",
                remedy="Fill them, or set impute: mean, median, mode or constant",
            ),
        )
    lowest = group.clip.low if group.clip is not None else None
    if group.shape == "log1p" and (lowest is None or lowest <= -1.0):
        yield RowError(
            f"column '{name}' is -1 or less",
            lambda rows: mask_of(pc.and_(is_finite(rows.values[name]), pc.less_equal(rows.values[name], -1.0))),
            lambda count, rows, _: Problem(
                f"Column '{name}' is -1 or less in {counted(count, 'row')}, where log1p is not defined",
                remedy="Set shape: power, or clip.low above -1",
            ),
        )
