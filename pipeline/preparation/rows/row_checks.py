"""The checks of every row: those that the configuration implies, and the terms of the source's contract."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import is_finite, raw_text
from pipeline.arrays.date_texts import DateText, find_date_texts
from pipeline.arrays.masks import mask_of, missing_of
from pipeline.config.features import TargetConfig
from pipeline.errors import Problem
from pipeline.formatting import counted
from pipeline.kinds.plan import FeaturePlan, NumericPlan
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.preparation.rows.contract_values import broken_terms
from pipeline.preparation.rows.role_errors import is_not_finite, key_errors, label_errors, weight_errors
from pipeline.preparation.rows.row_errors import RowError, row_error_of
from pipeline.preparation.rows.typed_rows import Condition, Inputs
from pipeline.schemas.source_contract import ColumnTerms
from pipeline.sources.decoding.decoding import REPLACEMENT

_FORMATTED = re.compile("[0-9.,' ]*,[0-9.,' ]*")
"""Numbers with a sign that `data.source.decimal` or `thousands` explains."""


def find_row_errors(
    inputs: Inputs,
    plan: FeaturePlan,
    target: TargetConfig,
    terms: Mapping[str, ColumnTerms],
    *,
    multiline: bool,
    number_label: bool = False,
) -> tuple[RowError, ...]:
    """All row errors that the configuration and the terms of the columns imply.

    Args:
        inputs: how rows are read.
        plan: the features.
        target: how the label is transformed.
        terms: of the columns.
        multiline: whether quoted fields may hold line breaks.
        number_label: whether a label that is no number is an error.
    """
    row_errors = [*_line_errors(inputs, multiline=multiline), *key_errors(inputs)]
    row_errors += label_errors(inputs, target, of_numbers=number_label)
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
            is_text = pa.types.is_string(inputs.raw.kinds.get(feature.source, pa.null()))
            row_errors += _number_errors(feature.source, feature.group, is_text=is_text)
    reasons = {row_error.reason for row_error in row_errors}
    texts = find_date_texts(inputs.derived)
    broken = [row_error for row_error in _broken_terms(inputs, terms, texts) if row_error.reason not in reasons]
    return (*row_errors, *map(_not_a_date, texts), *broken)


def _line_errors(inputs: Inputs, *, multiline: bool) -> Iterator[RowError]:
    """Malformed lines, and texts that are not numbers; the values of a malformed line are not checked."""
    if inputs.raw.has_lines:
        yield _no_object() if inputs.raw.is_json else _malformed(inputs.raw.separator, multiline=multiline)
    for column in inputs.typed:
        if column.type == "number" and pa.types.is_string(inputs.raw.kinds[column.name]):
            yield _no_number(column.name)


def _no_object() -> RowError:
    return _of_lines("one JSON object", lambda _: "Repair them, or allow some in data.bad_rows")


def _malformed(separator: str, *, multiline: bool) -> RowError:
    def remedy(example: str) -> str:
        hints = [*_hints(example, separator)] or [*_usual_hints(multiline=multiline)]
        return ", ".join(["Repair them", *hints, "or allow some in data.bad_rows"])

    return _of_lines("valid text of as many fields as the first line names", remedy)


def _hints(example: str, separator: str) -> Iterator[str]:
    """What is the matter with a malformed line, by its looks."""
    if REPLACEMENT in example:
        before = len(example[: example.index(REPLACEMENT)].encode())
        yield f"correct data.source.encoding where the text is garbled (byte {before + 1:,} of the line is no text)"
        return
    if '\\"' in example:
        yield "set data.source.escape: '\\' where a backslash stands before quotes"
    if separator and example.endswith(separator):
        yield "remove the separator at the end of the lines, or end the first line with one, too"


def _usual_hints(*, multiline: bool) -> Iterator[str]:
    yield "correct data.source.encoding where the text is garbled"
    if not multiline:
        yield "set data.source.multiline: true where quoted fields hold line breaks"


def _of_lines(allowed: str, remedy: Callable[[str], str]) -> RowError:
    def describe(count: int, rows: int, example: str) -> Problem:
        return Problem(f"{counted(count, 'line', verb='is')} malformed", allowed, f"'{example}'", remedy(example))

    return RowError("malformed line", lambda rows: ~rows.good, describe, lambda rows: rows.malformed)


def _no_number(name: str) -> RowError:
    def remedy(example: str) -> str:
        signs = "set data.source.decimal and thousands, " if _FORMATTED.fullmatch(example.strip()) else ""
        return (
            f"Repair the data, {signs}list the text in data.source.null_values, make the column categorical, or allow "
            "some in data.bad_rows"
        )

    return RowError(
        f"column '{name}' is not a number",
        lambda rows: rows.good & missing_of(rows.values[name]) & ~missing_of(rows.raw[name]),
        lambda count, rows, example: Problem(
            f"Column '{name}' is not a number in {counted(count, 'row')}", "", f"'{example}'", remedy(example)
        ),
        lambda rows: rows.raw[name],
    )


def _not_a_date(text: DateText) -> RowError:
    name = f"column '{text.user}' reads a text that" if text.column is None else f"column '{text.column}'"
    remedy = (
        "Repair the data, set format (such as dd/MM/yyyy) in features.dates, list the text in data.source.null_values, "
        "or allow some in data.bad_rows"
    )
    return row_error_of(
        f"{name} is not a date",
        _unreadable(text),
        remedy=remedy,
        allowed=text.layouts,
        example=lambda rows: text.values(rows.values, rows.count),
    )


def _broken_terms(inputs: Inputs, terms: Mapping[str, ColumnTerms], texts: Sequence[DateText]) -> Iterator[RowError]:
    """The terms of the columns; a text that is no date is not reported twice where a feature reads it as a date."""
    unreadable = {text.column: _unreadable(text) for text in texts}
    for name in inputs.raw.names:
        if name in terms:
            for what, allowed, condition in broken_terms(name, terms[name], inputs):
                yield _broken(name, what, allowed, _except(condition, unreadable.get(name)))


def _unreadable(text: DateText) -> Condition:
    return lambda rows: text.unreadable(rows.values, rows.good)


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


def _number_errors(name: str, group: NumericConfig, *, is_text: bool) -> Iterator[RowError]:
    listing = ", or list the text in data.source.null_values" if is_text else ""
    if group.not_finite == "error":
        yield RowError(
            f"column '{name}' is NaN or infinite",
            lambda rows: is_not_finite(rows.values[name]),
            lambda count, rows, _: Problem(
                f"Column '{name}' is NaN or infinite in {counted(count, 'row')}",
                remedy=f"Repair them, {'' if listing else 'or '}set not_finite: null for this column{listing}",
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
