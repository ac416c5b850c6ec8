"""The table that everything works on: typed values under safe names, and each row's split, shard and order.

Its columns:

    r0, r1, ...         the source's columns as they are, null markers aside
    n0, n1, ...         double, columns that are read as numbers; null where missing
    t0, t1, ...         string, columns that are read as texts; null where missing
    d0, d1, ...         derived columns
    label_number        double, null where the label is missing or no number
    label_text          string, only where the label is there and no number
    weight_number       double, only where rows are weighted
    __bad               boolean, the row cannot be used (see `faults.py`)
    __row_id, __values, __row_hash, __split, __shard, __order    see `split.py`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import DataType, NumericType, StringType

from pipeline.config.data import DataConfig
from pipeline.config.split import SplitConfig
from pipeline.contract.columns import ROW_ID
from pipeline.contract.expression import DerivedColumn, Node, columns_of
from pipeline.contract.features import RawColumn
from pipeline.data.convert import category_of, is_missing, number_of, plain_number_of, without_markers
from pipeline.data.raw import RawTable
from pipeline.data.split import (
    LEFT_OUT,
    ROW_HASH,
    SPLIT,
    VALUES,
    ResolvedSplit,
    hash_of,
    needed_columns,
    placed,
    resolve_split,
    with_unit,
)
from pipeline.features.expression import to_column

LABEL_NUMBER, LABEL_TEXT, WEIGHT_NUMBER, BAD = "label_number", "label_text", "weight_number", "__bad"

QUARANTINED = 4
"""The split of rows that cannot be used."""


@dataclass(frozen=True)
class Inputs:
    """What is computed of a row before it has a split.

    Attributes:
        rows: the columns at the top of this module, without the last line.
        raw: as the source has them.
        typed: columns that are read as numbers, then those that are read as texts.
        derived: columns computed from them.
        data: the roles of columns.
    """

    rows: DataFrame
    raw: RawTable
    typed: tuple[RawColumn, ...]
    derived: tuple[DerivedColumn, ...]
    data: DataConfig

    @property
    def columns(self) -> dict[str, str]:
        """The safe name of each raw and derived column."""
        return safe_names(self.typed, self.derived)


@dataclass(frozen=True)
class Table:
    """Typed rows, divided; see the module for the columns.

    Attributes:
        rows: the rows.
        columns: the safe name of each raw and derived column.
        split: what decides the split of a row.
        seed: of the split and of the order of rows.
        numbers: names of the raw and derived columns that are numbers, in their order.
        texts: names of those that are texts.
    """

    rows: DataFrame
    columns: Mapping[str, str]
    split: ResolvedSplit
    seed: int
    numbers: tuple[str, ...]
    texts: tuple[str, ...]


def type_rows(raw: RawTable, data: DataConfig, typed: Sequence[RawColumn], derived: Sequence[DerivedColumn]) -> Inputs:
    """Give values their types, and compute derived columns."""
    rows = typed_rows(raw, typed, derived, label=data.label, weight=data.weight)
    return Inputs(rows, raw, tuple(typed), tuple(derived), data)


def typed_rows(
    raw: RawTable,
    typed: Sequence[RawColumn],
    derived: Sequence[DerivedColumn],
    *,
    label: str | None,
    weight: str | None,
) -> DataFrame:
    """The columns of `Inputs.rows`, beside all others that `raw.rows` has.

    Values are a layer of their own, which what comes later uses by name: Spark then computes a conversion once, though
    a value, its check and the row's hash all need it. Each layer copies the row, so there are as few as can be.
    """
    rows = _cleaned(raw).withColumns(_typed(raw, typed, label=label, weight=weight))
    names = safe_names(typed, derived)
    known = {name: F.col(safe) for name, safe in names.items()}
    layer: dict[str, Column] = {}
    for column in derived:
        if any(names[mentioned.name] in layer for mentioned in columns_of(column.expression)):
            rows, layer = rows.withColumns(layer), {}
        layer[names[column.name]] = to_column(column.expression, known)
    return rows.withColumns(layer) if layer else rows


def resolve(inputs: Inputs, split: SplitConfig) -> ResolvedSplit:
    """How these rows are divided; see `resolve_split`."""
    needed = {name: inputs.raw.column(name) for name in needed_columns(split, inputs.data)}
    return resolve_split(split, inputs.data, needed, inputs.rows)


def divide(inputs: Inputs, bad: Column, where: Node | None, *, split: ResolvedSplit, seed: int) -> Table:
    """Give rows their places.

    Args:
        inputs: typed rows.
        bad: whether a row cannot be used; a row of which nothing tells where it belongs is one.
        where: what a row must fulfil not to be left out.
        split: how rows are divided.
        seed: of the split and of the order of rows.
    """
    bad = F.coalesce(bad, F.lit(False))
    rows, hashes = with_unit(inputs.rows, split), _hashes(inputs)
    places = placed(rows, split, seed=seed, row_id=hashes[ROW_ID], row_hash=hashes[ROW_HASH])
    place = F.when(bad, F.lit(QUARANTINED))
    if where is not None:
        known = {name: F.col(safe) for name, safe in inputs.columns.items()}
        place = place.when(~F.coalesce(to_column(where, known) != 0.0, F.lit(False)), F.lit(LEFT_OUT))
    # In one layer, though the hashes of a row are so written out several times: Spark computes each once.
    rows = rows.withColumns({**hashes, BAD: bad, **places, SPLIT: place.otherwise(places[SPLIT])})
    kinds = {column.name: column.type for column in inputs.typed}
    kinds |= {column.name: column.type for column in inputs.derived}
    numbers = tuple(name for name, kind in kinds.items() if kind == "number")
    texts = tuple(name for name, kind in kinds.items() if kind == "text")
    return Table(rows, inputs.columns, split, seed, numbers, texts)


def safe_names(typed: Sequence[RawColumn], derived: Sequence[DerivedColumn]) -> dict[str, str]:
    """`n0, ...`, `t0, ...` and `d0, ...` by name."""
    numbers = [column.name for column in typed if column.type == "number"]
    texts = [column.name for column in typed if column.type == "text"]
    names = {name: f"n{i}" for i, name in enumerate(numbers)} | {name: f"t{i}" for i, name in enumerate(texts)}
    return names | {column.name: f"d{i}" for i, column in enumerate(derived)}


def _cleaned(raw: RawTable) -> DataFrame:
    """Null markers become null."""
    if not raw.markers:
        return raw.rows
    texts = [raw.column(name) for name in raw.names if isinstance(raw.kind(name), StringType)]
    return raw.rows.withColumns({name: without_markers(F.col(name), raw.markers) for name in texts})


def _typed(raw: RawTable, typed: Sequence[RawColumn], *, label: str | None, weight: str | None) -> dict[str, Column]:
    names = safe_names(typed, ())
    values = {}
    for column in typed:
        convert = number_of if column.type == "number" else category_of
        values[names[column.name]] = convert(F.col(raw.column(column.name)), raw.kind(column.name))
    if label is not None:
        value, kind = F.col(raw.column(label)), raw.kind(label)
        number = plain_number_of(value, kind)
        values |= {LABEL_NUMBER: number, LABEL_TEXT: _unless_number(value, number, kind)}
    if weight is not None:
        values[WEIGHT_NUMBER] = number_of(F.col(raw.column(weight)), raw.kind(weight))
    return values


def _unless_number(value: Column, number: Column, kind: DataType) -> Column:
    """String: the text of a label that is no number."""
    if isinstance(kind, NumericType):
        return F.lit(None).cast("string")
    return F.when(number.isNull(), category_of(value, kind))


def key_texts(inputs: Inputs) -> list[Column]:
    """The parts of a row's key as texts."""
    raw = inputs.raw
    return [category_of(F.col(raw.column(name)), raw.kind(name)) for name in inputs.data.key]


def missing_keys(inputs: Inputs) -> list[Column]:
    """For each part of a row's key, whether it is missing: where `key_texts` is null, without making the text."""
    raw = inputs.raw
    return [is_missing(F.col(raw.column(name)), raw.kind(name)) for name in inputs.data.key]


def _hashes(inputs: Inputs) -> dict[str, Column]:
    """`VALUES`, `ROW_ID` and `ROW_HASH`."""
    # Adding 0.0 turns -0.0 into 0.0: the two are equal, and must not be told apart by a hash.
    names = safe_names(inputs.typed, ())
    values: dict[str, list[Column]] = {}
    for column in inputs.typed:
        value = F.col(names[column.name])
        values[column.name] = [value + F.lit(0.0) if column.type == "number" else value]
    values[inputs.data.label] = [F.col(LABEL_NUMBER) + F.lit(0.0), F.col(LABEL_TEXT)]
    of_values = hash_of([column for name in sorted(values) for column in values[name]])
    if not inputs.data.key:
        return {VALUES: of_values, ROW_ID: of_values, ROW_HASH: of_values}
    row_id = hash_of(key_texts(inputs))
    return {VALUES: of_values, ROW_ID: row_id, ROW_HASH: hash_of([row_id, of_values])}
