"""Row errors of the key, the label and the weight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import is_finite, raw_text
from pipeline.arrays.masks import Mask, mask_of, missing_of
from pipeline.config.data import DataConfig
from pipeline.config.features import TargetConfig
from pipeline.errors import Problem
from pipeline.formatting import counted
from pipeline.preparation.rows.row_errors import RowError
from pipeline.preparation.rows.typed_rows import Inputs, TypedRows, missing_key


def key_errors(inputs: Inputs) -> Iterator[RowError]:
    """The error of a missing key, where there is one."""
    if inputs.data is None or not inputs.data.key:
        return
    names = ", ".join(f"'{name}'" for name in inputs.data.key)
    remedy = "Fill it, or choose other columns for data.key"
    yield RowError(
        "no key",
        lambda rows: rows.good & missing_key(rows, inputs),
        lambda count, rows, _: Problem(f"Key {names} is null in {count} of {rows} rows", remedy=remedy),
    )


def label_errors(inputs: Inputs, target: TargetConfig, *, of_numbers: bool) -> Iterator[RowError]:
    """The errors of labels that are missing, not finite, or outside of the domain of the label's transform.

    Args:
        inputs: how rows are read.
        target: how the label is transformed.
        of_numbers: whether a label that is no number is an error.
    """
    label, data = inputs.label, inputs.data
    remedy = "Fill their labels, or set data.label_nulls: drop, which leaves these rows out"
    if of_numbers:
        yield _label_no_number(inputs)
    if data is None or data.label_nulls == "error":
        yield RowError(
            "no label",
            missing_label,
            lambda count, rows, _: Problem(f"Label '{label}' is null in {count} of {rows} rows", remedy=remedy),
        )
    yield RowError(
        "label is NaN or infinite",
        lambda rows: is_not_finite(rows.label) & ~_is_dropped(rows, data),
        lambda count, rows, _: Problem(f"Label '{label}' is NaN or infinite in {count} of {rows} rows", remedy=remedy),
    )
    if target.transform == "log":
        yield RowError(
            "label is -1 or less",
            lambda rows: mask_of(pc.less_equal(rows.label, -1.0)),
            lambda count, rows, _: Problem(
                f"Label '{label}' is -1 or less in {counted(count, 'row')}, where log1p is not defined",
                remedy="Set features.target.transform: standard or power",
            ),
        )


def _label_no_number(inputs: Inputs) -> RowError:
    """Has the reason that the contract's terms give, so that it is reported once."""
    label = inputs.label
    remedy = (
        "Repair the data, allow some in data.bad_rows, set data.source.decimal or thousands where numbers are written "
        "with them, or set data.task: binary or multiclass"
    )
    return RowError(
        f"column '{label}' is not a number",
        lambda rows: rows.good & ~missing_of(_label_text(rows)),
        lambda count, rows, example: Problem(
            f"Label '{label}' is not a number in {count} of {rows} rows", "", f"'{example}'", remedy
        ),
        _label_text,
    )


def _label_text(rows: TypedRows) -> pa.Array:
    assert rows.label_text is not None
    return rows.label_text


def missing_label(rows: TypedRows) -> Mask:
    """[n]: whether a good row has no label."""
    assert rows.label_text is not None
    return rows.good & missing_of(rows.label) & missing_of(rows.label_text)


def dropped_label(rows: TypedRows) -> Mask:
    """[n]: whether a row is left out by `label_nulls: drop`: its label is null or NaN, which data frames mix up."""
    return missing_label(rows) | (rows.good & mask_of(pc.is_nan(rows.label)))


def _is_dropped(rows: TypedRows, data: DataConfig | None) -> Mask:
    drops = data is not None and data.label_nulls == "drop"
    return dropped_label(rows) if drops else np.zeros(rows.count, np.bool_)


def is_not_finite(values: pa.Array) -> Mask:
    """[n]: whether a value is NaN or infinite; false for null."""
    return ~mask_of(pc.fill_null(is_finite(values), True))


def weight_errors(inputs: Inputs) -> Iterator[RowError]:
    """The error of a missing or invalid weight, where rows are weighted."""
    name = inputs.weight
    if name is None:
        return
    yield RowError(
        "no weight",
        lambda rows: rows.good & ~mask_of(pc.and_(is_finite(rows.weight), pc.greater_equal(rows.weight, 0.0))),
        lambda count, rows, example: Problem(
            f"Weight '{name}' is missing, negative or not a number in {count} of {rows} rows",
            "numbers that are 0 or more",
            remedy="Repair these rows",
        ),
        lambda rows: raw_text(rows.raw[name]),
    )
