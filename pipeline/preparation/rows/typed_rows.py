"""Typed rows of a batch, and their placement: hashes, split, shard and order.

    source columns -> null markers are null -> numbers and texts -> derived columns -> hashes, split, shard, order

A value is a number (float64) or a text, and null where it is missing. Nothing here depends on other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import category_of, is_missing, number_of, number_text, plain_number_of
from pipeline.arrays.expressions import evaluate
from pipeline.arrays.hashing import hash_of
from pipeline.arrays.masks import Mask, missing_of
from pipeline.arrays.types import is_text, plain_type
from pipeline.config.data import DataConfig
from pipeline.kinds.fitted_features import RawColumn
from pipeline.preparation.reading.raw import RawColumns
from pipeline.schemas.expression import DerivedColumn, ValueType
from pipeline.schemas.target import may_have_classes

Hashes = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int32]


@dataclass(frozen=True)
class TypedRows:
    """The values of n rows.

    Attributes:
        count: the number of rows, n.
        raw: columns of the source [n] by name, with nulls in place of null markers.
        values: raw and derived columns [n] by name, float64 or string.
        good: [n], false for malformed lines, whose values are not checked.
        malformed: string [n], the text of a malformed line; None where the format has no lines.
        label_number: float64 [n], null where the label is missing or no number; None without a label.
        label_text: string [n], the label where it is no number, else null; None without a label.
        label_spelling: string [n], the label as it is written; None where its column holds no texts, or the label
            certainly has no classes.
        weight: float64 [n]; None where rows are not weighted.
    """

    count: int
    raw: Mapping[str, pa.Array]
    values: Mapping[str, pa.Array]
    good: Mask
    malformed: pa.Array | None = None
    label_number: pa.Array | None = None
    label_text: pa.Array | None = None
    label_spelling: pa.Array | None = None
    weight: pa.Array | None = None

    @property
    def label(self) -> pa.Array:
        """`label_number`, float64 [n], of rows that have a label column."""
        assert self.label_number is not None
        return self.label_number

    def text(self, name: str) -> pa.Array:
        """A source column as category texts, string [n], which are the same for all file formats."""
        return category_of(self.raw[name])

    @property
    def class_text(self) -> pa.Array:
        """The class of each row, string [n]: texts as they are written, spaces around numbers aside."""
        if self.label_spelling is None:
            return pc.coalesce(number_text(self.label), self.label_text)
        return pc.coalesce(self.label_text, pc.ascii_trim(self.label_spelling, " "))


Condition = Callable[[TypedRows], Mask]
"""Which of n rows meet a condition, [n]."""


@dataclass(frozen=True)
class RowPlacement:
    """Hashes, split, shard and order of each row of a batch.

    Attributes:
        values: [n], a hash of the features and the label alone; rows with different keys can have the same.
        row_id: [n], a hash of the key; `values` without a key.
        row_hash: [n], a hash of all values that are used, key included.
        split: [n], the index in `SPLITS`, `LEFT_OUT`, or `QUARANTINED`.
        shard: [n], the shard, below `MAX_SHARDS`.
        order: [n], a hash by which the rows of a shard are sorted.
        timestamp: float64 [n], on the axis of time; None where time does not decide.
        group: int64 [n], a hash of the group, null where it is missing; None without groups.
        folds: the group of each row [n] in each assignment of a cross-validation, by column.
    """

    values: Hashes
    row_id: Hashes
    row_hash: Hashes
    split: Indices
    shard: Indices
    order: Hashes
    timestamp: pa.Array | None = None
    group: pa.Array | None = None
    folds: Mapping[str, Indices] = field(default_factory=dict)

    def of(self, column: str) -> Indices:
        """[n]: the group of each row in the column of an assignment."""
        return self.split if column == SPLIT else self.folds[column]


@dataclass(frozen=True)
class Rows:
    """A batch, ready to be counted, fitted on or written."""

    typed: TypedRows
    placement: RowPlacement

    @property
    def count(self) -> int:
        """The number of rows, n."""
        return self.typed.count


SPLIT = "__split"
"""The column of an assignment whose groups are the splits of a store."""


@dataclass(frozen=True)
class Inputs:
    """How rows are read; plain data, sent to the tasks.

    Attributes:
        raw: the columns of the source.
        typed: columns that are read as numbers, followed by those that are read as texts.
        derived: columns computed from them.
        label: the label column; None where there is none.
        weight: the weight column; None where rows are not weighted.
        data: the roles of columns; None where rows have no roles.
        has_spelled_label: whether the label's texts are kept as they are written, since they may be classes.
    """

    raw: RawColumns
    typed: tuple[RawColumn, ...]
    derived: tuple[DerivedColumn, ...]
    label: str | None
    weight: str | None
    data: DataConfig | None = None
    has_spelled_label: bool = field(init=False)

    def __post_init__(self) -> None:
        """Ask the target here: a user's own may be unknown to the tasks."""
        is_spelled = self.label is not None and is_text(plain_type(self.raw.kinds[self.label]))
        may_be_class = self.data is None or may_have_classes(self.data.task)
        object.__setattr__(self, "has_spelled_label", is_spelled and may_be_class)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the raw and derived columns, in order."""
        return tuple(self._types)

    def of_type(self, wanted: str) -> tuple[str, ...]:
        """Names of the raw and derived columns of a type, `number` or `text`."""
        return tuple(name for name, kind in self._types.items() if kind == wanted)

    @property
    def _types(self) -> dict[str, ValueType]:
        types = {column.name: column.type for column in self.typed}
        return types | {column.name: column.type for column in self.derived}

    def rows(self, batch: pa.RecordBatch) -> TypedRows:
        """Type the values of a batch, and compute the derived columns."""
        raw = self.raw.of_batch(batch)
        values = {
            column.name: self._number(raw, column.name) if column.type == "number" else category_of(raw[column.name])
            for column in self.typed
        }
        for column in self.derived:
            values[column.name] = evaluate(column.expression, values, len(batch))
        malformed = batch.column(len(self.raw.names)) if self.raw.has_lines else None
        number = None if self.label is None else plain_number_of(raw[self.label], self.raw.reading(self.label))
        return TypedRows(
            count=len(batch),
            raw=raw,
            values=values,
            good=np.ones(len(batch), bool) if malformed is None else missing_of(malformed),
            malformed=malformed,
            label_number=number,
            label_text=None if self.label is None else _unless_number(raw[self.label], number),
            label_spelling=raw[self.label] if self.label is not None and self.has_spelled_label else None,
            weight=None if self.weight is None else self._number(raw, self.weight),
        )

    def _number(self, raw: Mapping[str, pa.Array], name: str) -> pa.Array:
        return number_of(raw[name], self.raw.reading(name))


def hashes_of(rows: TypedRows, inputs: Inputs) -> tuple[Hashes, Hashes, Hashes]:
    """The hashes `values`, `row_id` and `row_hash` of `RowPlacement`."""
    assert inputs.label is not None and inputs.data is not None
    columns = {column.name: [rows.values[column.name]] for column in inputs.typed}
    columns[inputs.label] = [rows.label_number, rows.label_text]
    values = hash_of([column for name in sorted(columns) for column in columns[name]])
    if not inputs.data.key:
        return values, values, values
    row_id = hash_of([rows.text(name) for name in inputs.data.key])
    return values, row_id, hash_of([pa.array(row_id), pa.array(values)])


def missing_key(rows: TypedRows, inputs: Inputs) -> Mask:
    """[n]: whether a column of the key is missing."""
    assert inputs.data is not None
    missing = [is_missing(rows.raw[name]) for name in inputs.data.key]
    return np.logical_or.reduce(missing) if missing else np.zeros(rows.count, bool)


def _unless_number(label: pa.Array, number: pa.Array) -> pa.Array:
    """String [n]: the text of labels that are no numbers, else null."""
    if pa.types.is_floating(label.type) or pa.types.is_integer(label.type) or pa.types.is_decimal(label.type):
        return pa.nulls(len(label), pa.string())
    return pc.if_else(number.is_null(), category_of(label), pa.scalar(None, pa.string()))
