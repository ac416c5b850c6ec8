"""What makes a row unusable: conditions that every pass evaluates, told apart only where a row has one.

A fault is a condition on a row, a short reason for the quarantine, and the sentence for the message when there are
more such rows than the budget allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import is_finite, raw_text
from pipeline.arrays.masks import Mask, mask_of, missing_of
from pipeline.config.features import TargetConfig
from pipeline.errors import DataError, Problem, counted, gather
from pipeline.kinds.plan import FeaturePlan, NumericPlan
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.preparation.reading.piece_scan import files_of, with_files
from pipeline.preparation.reading.scan import Batches, Parts, Scan, collect_parts
from pipeline.preparation.rows.contract_checks import broken_terms
from pipeline.preparation.rows.date_texts import LAYOUTS, DateText, find_date_texts
from pipeline.preparation.rows.typed_rows import Condition, Inputs, TypedRows, missing_key
from pipeline.schemas.table import ColumnTerms

SHOWN_CHARACTERS = 80

Describe = Callable[[int, int, str], Problem]
"""From rows with the fault, all rows and an example to a sentence."""
Example = Callable[[TypedRows], pa.Array]
"""What to show of each of n rows: string [n]."""


@dataclass(frozen=True)
class Fault:
    """One way in which a row can be unusable.

    Attributes:
        reason: in a few words.
        condition: which rows have it.
        describe: the sentence for a message.
        example: what to show of a row; None for nothing.
        names_file: whether the message names the first file that has it.
    """

    reason: str
    condition: Condition
    describe: Describe
    example: Example | None = None
    names_file: bool = False


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
            faults += _number_faults(feature.source, feature.group)
    said = {fault.reason for fault in faults}
    texts = find_date_texts(inputs.derived)
    broken = [fault for fault in _broken_terms(inputs, terms, texts) if fault.reason not in said]
    return (*faults, *map(_not_a_date, texts), *broken)


def fault_of(
    reason: str, condition: Condition, *, remedy: str, allowed: str = "", example: Example | None = None
) -> Fault:
    """A fault whose problem is told as its reason is: `reason` begins with a small letter."""

    def describe(count: int, rows: int, shown: str) -> Problem:
        sentence = f"{reason[0].upper()}{reason[1:]} in {count} of {rows} rows"
        return Problem(sentence, allowed, f"'{shown}'" if shown else "", remedy)

    return Fault(reason, condition, describe, example)


def any_fault(rows: TypedRows, faults: Sequence[Fault]) -> Mask:
    """[n]: whether a row has one."""
    bad = np.zeros(rows.count, bool)
    for fault in faults:
        bad |= fault.condition(rows)
    return bad


def reasons_of(rows: TypedRows, faults: Sequence[Fault]) -> list[str]:
    """All reasons of each of n rows, joined."""
    reasons: list[list[str]] = [[] for _ in range(rows.count)]
    for fault in faults:
        for place in np.flatnonzero(fault.condition(rows)).tolist():
            reasons[place].append(fault.reason)
    return ["; ".join(own) for own in reasons]


def bad_rows_error(
    scan: Scan,
    inputs: Inputs,
    faults: Sequence[Fault],
    *,
    total: int,
    bad: int,
    allowed: int,
    setting: str = "data.bad_rows.budget",
) -> DataError:
    """The error that names each reason, how many rows it has, and an example; goes through the rows once more.

    Args:
        scan: the rows.
        inputs: how they are read.
        faults: from `find_faults`.
        total: rows in the source.
        bad: rows with a fault.
        allowed: how many the budget allows.
        setting: where the budget stands.
    """

    def count(batches: Batches) -> Parts:
        found = [_counted(inputs.rows(batch), files_of(batch), faults) for batch in batches]
        return {"faults": pa.concat_tables([_NOTHING, *found])}

    parts = pa.concat_tables([_NOTHING, *collect_parts(with_files(scan), count).get("faults", [])])
    seen = parts.group_by("fault").aggregate([("rows", "sum"), ("example", "min"), ("file", "min")]).sort_by("fault")
    problems = [_described(faults[row["fault"]], row, total) for row in seen.to_pylist()]
    if allowed:
        remedy = f"Repair the data, or raise {setting}"
        problems.append(Problem(f"{counted(bad, 'row')} cannot be used", f"{allowed}", f"{bad}", remedy))
    return DataError(gather("The data does not hold what the configuration asks for", problems))


_NOTHING = pa.schema(
    [("fault", pa.int32()), ("rows", pa.int64()), ("example", pa.string()), ("file", pa.string())]
).empty_table()


def _described(fault: Fault, row: Mapping[str, Any], total: int) -> Problem:
    """The sentence of a fault, with the first file that has it."""
    problem = fault.describe(row["rows_sum"], total, row["example_min"] or "")
    if not fault.names_file or row["file_min"] is None:
        return problem
    return replace(problem, what=f"{problem.what} (first in '{row['file_min']}')")


def _counted(rows: TypedRows, files: pa.Array, faults: Sequence[Fault]) -> pa.Table:
    """The faults that some rows of a batch have, how many rows each, and the least example and file."""
    found: dict[str, list[object]] = {name: [] for name in _NOTHING.schema.names}
    for place, fault in enumerate(faults):
        has = fault.condition(rows)
        if not has.any():
            continue
        shown = None
        if fault.example is not None:
            texts = pc.utf8_slice_codeunits(fault.example(rows).filter(pa.array(has)), 0, SHOWN_CHARACTERS)
            shown = pc.min(texts).as_py()
        file = pc.min(files.filter(pa.array(has))).as_py()
        for name, value in zip(found, (place, int(has.sum()), shown, file), strict=True):
            found[name].append(value)
    return pa.table(found, schema=_NOTHING.schema)


def _line_faults(inputs: Inputs, *, multiline: bool) -> Iterator[Fault]:
    """Malformed lines, and texts that are no numbers; a malformed line has no values to complain of."""
    if inputs.raw.has_lines:
        yield _malformed_json() if inputs.raw.is_json else _malformed(multiline)
    for column in inputs.typed:
        if column.type == "number" and pa.types.is_string(inputs.raw.kinds[column.name]):
            yield _no_number(column.name)


def _malformed(multiline: bool) -> Fault:
    remedy = "Repair them"
    if not multiline:
        remedy += ", set data.source.multiline: true where quoted fields hold line breaks"
    return _of_lines("as many fields as the first line names", f"{remedy}, or allow some in data.bad_rows")


def _malformed_json() -> Fault:
    return _of_lines("one JSON object", "Repair them, or allow some in data.bad_rows")


def _of_lines(allowed: str, remedy: str) -> Fault:
    def describe(count: int, rows: int, example: str) -> Problem:
        return Problem(f"{counted(count, 'line', 'is')} malformed", allowed, f"'{example}'", remedy)

    return Fault("malformed line", lambda rows: ~rows.good, describe, lambda rows: rows.malformed, names_file=True)


def _no_number(name: str) -> Fault:
    remedy = "Repair the data, list the text in data.source.null_values, or make the column categorical"
    return Fault(
        f"column '{name}' is not a number",
        lambda rows: rows.good & missing_of(rows.values[name]) & ~missing_of(rows.raw[name]),
        lambda count, rows, example: Problem(
            f"Column '{name}' is not a number in {counted(count, 'row')}", "", f"'{example}'", remedy
        ),
        lambda rows: rows.raw[name],
    )


def _key_faults(inputs: Inputs) -> Iterator[Fault]:
    if inputs.data is None or not inputs.data.key:
        return
    names = ", ".join(f"'{name}'" for name in inputs.data.key)
    remedy = "Fill it, or choose other columns for data.key"
    yield Fault(
        "no key",
        lambda rows: rows.good & missing_key(rows, inputs),
        lambda count, rows, _: Problem(f"Key {names} is null in {count} of {rows} rows", remedy=remedy),
    )


def _label_faults(inputs: Inputs, target: TargetConfig) -> Iterator[Fault]:
    label = inputs.label
    remedy = "Remove these rows, or fill their labels"
    yield Fault(
        "no label",
        lambda rows: rows.good & missing_of(rows.label) & missing_of(_label_text(rows)),
        lambda count, rows, _: Problem(f"Label '{label}' is null in {count} of {rows} rows", remedy=remedy),
    )
    yield Fault(
        "label is NaN or infinite",
        lambda rows: _not_finite(rows.label),
        lambda count, rows, _: Problem(f"Label '{label}' is NaN or infinite in {count} of {rows} rows", remedy=remedy),
    )
    if target.transform == "log":
        yield Fault(
            "label is -1 or less",
            lambda rows: mask_of(pc.less_equal(rows.label, -1.0)),
            lambda count, rows, _: Problem(
                f"Label '{label}' is -1 or less in {counted(count, 'row')}, which have no log1p",
                remedy="Set features.target.transform: standard or power",
            ),
        )


def _label_text(rows: TypedRows) -> pa.Array:
    assert rows.label_text is not None
    return rows.label_text


def _not_finite(values: pa.Array) -> Mask:
    """[n]: whether a value is there and NaN or infinite."""
    return ~mask_of(pc.fill_null(is_finite(values), True))


def _weight_faults(inputs: Inputs) -> Iterator[Fault]:
    name = inputs.weight
    if name is None:
        return
    yield Fault(
        "no weight",
        lambda rows: rows.good & ~mask_of(pc.and_(is_finite(rows.weight), pc.greater_equal(rows.weight, 0.0))),
        lambda count, rows, example: Problem(
            f"Weight '{name}' is missing, negative or not a number in {count} of {rows} rows",
            "numbers that are 0 or more",
            remedy="Repair these rows",
        ),
        lambda rows: raw_text(rows.raw[name]),
    )


def _not_a_date(text: DateText) -> Fault:
    name = f"column '{text.user}' reads a text that" if text.column is None else f"column '{text.column}'"
    remedy = "Repair the data, list the text in data.source.null_values, or allow some in data.bad_rows"
    return fault_of(f"{name} is not a date", text.unreadable, remedy=remedy, allowed=LAYOUTS, example=text.values)


def _broken_terms(inputs: Inputs, terms: Mapping[str, ColumnTerms], texts: Sequence[DateText]) -> Iterator[Fault]:
    """What the terms ask for; that a text is not the date that a feature reads is said once."""
    unreadable = {text.column: text.unreadable for text in texts}
    for name in inputs.raw.names:
        if name in terms:
            for what, allowed, condition in broken_terms(name, terms[name], inputs):
                yield _broken(name, what, allowed, _except(condition, unreadable.get(name)))


def _except(condition: Condition, other: Condition | None) -> Condition:
    return condition if other is None else lambda rows: condition(rows) & ~other(rows)


def _broken(name: str, what: str, allowed: str, condition: Condition) -> Fault:
    remedy = "Repair the data, or edit the contract"
    return fault_of(
        f"column '{name}' {what}",
        condition,
        remedy=remedy,
        allowed=allowed,
        example=lambda rows: raw_text(rows.raw[name]),
    )


def _number_faults(name: str, group: NumericConfig) -> Iterator[Fault]:
    if group.not_finite == "error":
        yield Fault(
            f"column '{name}' is NaN or infinite",
            lambda rows: _not_finite(rows.values[name]),
            lambda count, rows, _: Problem(
                f"Column '{name}' is NaN or infinite in {counted(count, 'row')}",
                remedy="Repair them, or set not_finite: null for this column",
            ),
        )
    if group.impute == "error":
        counts_not_finite = group.not_finite != "error"
        yield Fault(
            f"column '{name}' is null",
            lambda rows: _missing(rows.values[name], counts_not_finite),
            lambda count, rows, _: Problem(
                f"Column '{name}' is null in {counted(count, 'row')}, and impute is 'error'",
                remedy="Fill them, or set impute: mean, median, mode or constant",
            ),
        )
    lowest = group.clip.low if group.clip is not None else None
    if group.shape == "log1p" and (lowest is None or lowest <= -1.0):
        yield Fault(
            f"column '{name}' is -1 or less",
            lambda rows: mask_of(pc.and_(is_finite(rows.values[name]), pc.less_equal(rows.values[name], -1.0))),
            lambda count, rows, _: Problem(
                f"Column '{name}' is -1 or less in {counted(count, 'row')}, which have no log1p",
                remedy="Set shape: power, or clip.low above -1",
            ),
        )


def _missing(values: pa.Array, counts_not_finite: bool) -> Mask:
    return ~mask_of(is_finite(values)) if counts_not_finite else missing_of(values)
