"""What makes a row unusable: found by conditions that every query evaluates, told apart only where a row has one.

A fault is a condition on a row, a short reason for the quarantine, and the sentence for the message when there are
more such rows than the budget allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import StringType

from pipeline.config.features import NumericConfig, TargetConfig
from pipeline.contract.table import ColumnTerms
from pipeline.data.convert import any_of, is_finite
from pipeline.data.raw import MALFORMED, RawTable
from pipeline.data.table import LABEL_NUMBER, LABEL_TEXT, WEIGHT_NUMBER, Inputs, missing_keys
from pipeline.data.terms import broken_terms
from pipeline.errors import DataError, Problem, gather
from pipeline.features.plan import FeaturePlan, NumericPlan

SHOWN_CHARACTERS = 80

Describe = Callable[[int, int, str], Problem]
"""From rows with the fault, all rows and an example to a sentence."""


@dataclass(frozen=True)
class Fault:
    """One way in which a row can be unusable.

    Attributes:
        reason: in a few words.
        condition: boolean; null counts as false.
        describe: the sentence for a message.
        example: string, what to show of a row; null for nothing.
    """

    reason: str
    condition: Column
    describe: Describe
    example: Column | None = None


def find_faults(
    inputs: Inputs, plan: FeaturePlan, target: TargetConfig, terms: Mapping[str, ColumnTerms], *, multiline: bool
) -> tuple[Fault, ...]:
    """Every fault that a row can have: as configured, and by the terms of the columns that are read."""
    faults = [*_line_faults(inputs, multiline=multiline), *_key_faults(inputs), *_label_faults(inputs, target)]
    return _with_values([*faults, *_weight_faults(inputs)], inputs, plan.numeric, terms)


def find_value_faults(
    inputs: Inputs, numeric: Sequence[NumericPlan], terms: Mapping[str, ColumnTerms], *, multiline: bool
) -> tuple[Fault, ...]:
    """The faults that a row without label, key and weight can have: those of its line and of its values."""
    return _with_values([*_line_faults(inputs, multiline=multiline)], inputs, numeric, terms)


def _with_values(
    faults: list[Fault], inputs: Inputs, numeric: Sequence[NumericPlan], terms: Mapping[str, ColumnTerms]
) -> tuple[Fault, ...]:
    done = set()
    for feature in numeric:
        if feature.source not in done:
            done.add(feature.source)
            faults += _number_faults(feature.source, F.col(inputs.columns[feature.source]), feature.group)
    said = {fault.reason for fault in faults}
    return (*faults, *(fault for fault in _broken_terms(inputs, terms) if fault.reason not in said))


def fault_of(reason: str, condition: Column, *, remedy: str, allowed: str = "", example: Column | None = None) -> Fault:
    """A fault whose problem is told as its reason is: `reason` begins with a small letter."""

    def describe(count: int, rows: int, shown: str) -> Problem:
        sentence = f"{reason[0].upper()}{reason[1:]} in {count} of {rows} rows"
        return Problem(sentence, allowed, f"'{shown}'" if shown else "", remedy)

    return Fault(reason, condition, describe, example)


def any_fault(faults: Sequence[Fault]) -> Column:
    """Boolean: whether a row has one."""
    return any_of([F.coalesce(fault.condition, F.lit(False)) for fault in faults])


def reason_of(faults: Sequence[Fault]) -> Column:
    """String: all reasons of a row."""
    # A filter over an array is interpreted, and all within it: compiled, so many conditions outgrow Java's limit for
    # one method, and few rows come here.
    reasons = F.array(*(F.when(fault.condition, F.lit(fault.reason)) for fault in faults))
    return F.array_join(F.filter(reasons, lambda reason: reason.isNotNull()), "; ")


def bad_rows_error(
    rows: DataFrame,
    faults: Sequence[Fault],
    *,
    total: int,
    bad: int,
    allowed: int,
    setting: str = "data.bad_rows.budget",
) -> DataError:
    """The error that names each reason, how many rows it has, and an example; runs a query.

    Args:
        rows: with the columns of `inputs.rows`.
        faults: from `find_faults`.
        total: rows in the source.
        bad: rows with a fault.
        allowed: how many the budget allows.
        setting: where the budget stands.
    """
    asked = [column for fault in faults for column in _asked(fault)]
    answer = rows.agg(*asked).first()
    assert answer is not None
    found = zip(faults, answer[::2], answer[1::2], strict=True)
    problems = [fault.describe(count, total, example or "") for fault, count, example in found if count]
    if allowed:
        remedy = f"Repair the data, or raise {setting}"
        problems.append(Problem(f"{bad} rows cannot be used", f"{allowed}", f"{bad}", remedy))
    return DataError(gather("The data does not hold what the configuration asks for", problems))


def _asked(fault: Fault) -> tuple[Column, Column]:
    example = F.lit(None).cast("string") if fault.example is None else fault.example
    shown = F.min(F.when(fault.condition, F.substring(example, 1, SHOWN_CHARACTERS)))
    return F.count_if(fault.condition), shown


def _line_faults(inputs: Inputs, *, multiline: bool) -> Iterator[Fault]:
    """Malformed lines, and texts that are no numbers; a malformed line has no values to complain of."""
    raw, good = inputs.raw, is_good(inputs)
    if raw.has_lines:
        yield _malformed(multiline)
    for column in inputs.typed:
        if column.type == "number" and isinstance(raw.kind(column.name), StringType):
            yield _no_number(column.name, F.col(inputs.columns[column.name]), raw, good)


def _malformed(multiline: bool) -> Fault:
    remedy = "Repair them"
    if not multiline:
        remedy += ", or set data.source.multiline: true where quoted fields hold line breaks"
    allowed = "as many fields as the first line names, or one JSON object"
    return Fault(
        "malformed line",
        F.col(MALFORMED).isNotNull(),
        lambda count, rows, example: Problem(f"{count} lines are malformed", allowed, f"'{example}'", remedy),
        F.col(MALFORMED),
    )


def _no_number(name: str, number: Column, raw: RawTable, good: Column) -> Fault:
    remedy = "Repair the data, list the text in data.source.null_values, or make the column categorical"
    text = F.col(raw.column(name))
    return Fault(
        f"column '{name}' is no number",
        good & number.isNull() & text.isNotNull(),
        lambda count, rows, example: Problem(
            f"Column '{name}' is no number in {count} rows", "", f"'{example}'", remedy
        ),
        text,
    )


def is_good(inputs: Inputs) -> Column:
    """Boolean: whether a row's line could be read; a malformed one has no values to complain of."""
    return F.col(MALFORMED).isNull() if inputs.raw.has_lines else F.lit(True)


def _key_faults(inputs: Inputs) -> Iterator[Fault]:
    if not inputs.data.key:
        return
    names = ", ".join(f"'{name}'" for name in inputs.data.key)
    remedy = "Fill it, or choose other columns for data.key"
    yield Fault(
        "no key",
        is_good(inputs) & any_of(missing_keys(inputs)),
        lambda count, rows, _: Problem(f"Key {names} is null in {count} of {rows} rows", remedy=remedy),
    )


def _label_faults(inputs: Inputs, target: TargetConfig) -> Iterator[Fault]:
    number, label = F.col(LABEL_NUMBER), inputs.data.label
    remedy = "Remove these rows, or fill their labels"
    yield Fault(
        "no label",
        is_good(inputs) & number.isNull() & F.col(LABEL_TEXT).isNull(),
        lambda count, rows, _: Problem(f"Label '{label}' is null in {count} of {rows} rows", remedy=remedy),
    )
    yield Fault(
        "label is NaN or infinite",
        ~is_finite(number),
        lambda count, rows, _: Problem(f"Label '{label}' is NaN or infinite in {count} of {rows} rows", remedy=remedy),
    )
    if target.transform == "log":
        yield Fault(
            "label is -1 or less",
            number <= -1.0,
            lambda count, rows, _: Problem(
                f"Label '{label}' is -1 or less in {count} rows, which have no log1p",
                remedy="Set features.target.transform: standard or power",
            ),
        )


def _weight_faults(inputs: Inputs) -> Iterator[Fault]:
    name = inputs.data.weight
    if name is None:
        return
    value = F.col(WEIGHT_NUMBER)
    yield Fault(
        "no weight",
        is_good(inputs) & ~F.coalesce(is_finite(value) & (value >= 0.0), F.lit(False)),
        lambda count, rows, example: Problem(
            f"Weight '{name}' is missing, negative or no number in {count} of {rows} rows",
            "numbers that are 0 or more",
            remedy="Repair these rows",
        ),
        F.col(inputs.raw.column(name)).cast("string"),
    )


def _broken_terms(inputs: Inputs, terms: Mapping[str, ColumnTerms]) -> Iterator[Fault]:
    for name in inputs.raw.names:
        if name in terms:
            for what, allowed, condition in broken_terms(name, terms[name], inputs, is_good(inputs)):
                remedy = "Repair the data, or edit the contract"
                example = F.col(inputs.raw.column(name)).cast("string")
                yield fault_of(f"column '{name}' {what}", condition, remedy=remedy, allowed=allowed, example=example)


def _number_faults(name: str, value: Column, group: NumericConfig) -> Iterator[Fault]:
    finite = is_finite(value)
    if group.not_finite == "error":
        yield Fault(
            f"column '{name}' is NaN or infinite",
            ~finite,
            lambda count, rows, _: Problem(
                f"Column '{name}' is NaN or infinite in {count} rows",
                remedy="Repair them, or set not_finite: null for this column",
            ),
        )
    if group.impute == "error":
        absent = value.isNull() if group.not_finite == "error" else F.coalesce(~finite, F.lit(True))
        yield Fault(
            f"column '{name}' is null",
            absent,
            lambda count, rows, _: Problem(
                f"Column '{name}' is null in {count} rows, and impute is 'error'",
                remedy="Fill them, or set impute: mean, median, mode or constant",
            ),
        )
    lowest = group.clip.low if group.clip is not None else None
    if group.shape == "log1p" and (lowest is None or lowest <= -1.0):
        yield Fault(
            f"column '{name}' is -1 or less",
            finite & (value <= -1.0),
            lambda count, rows, _: Problem(
                f"Column '{name}' is -1 or less in {count} rows, which have no log1p",
                remedy="Set shape: power, or clip.low above -1",
            ),
        )
