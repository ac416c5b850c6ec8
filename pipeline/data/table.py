"""The table that everything works on: typed values under safe names, and each row's split, shard and order.

Its columns:

    n0, n1, ...         double, the numeric features in the order of the configuration; null where missing
    c0, c1, ...         string, the categorical features; null where missing
    label_number        double, null where the label is missing or no number
    label_text          string, only where the label is there and no number
    key_missing         boolean, a key column is null
    bad                 boolean, the line is malformed or a numeric text is no number
    __row_id, __row_hash, __split, __shard, __order    see `split.py`
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import StringType

from pipeline.config.data import DataConfig
from pipeline.config.features import FeaturesConfig
from pipeline.config.split import SplitConfig
from pipeline.contract.columns import ROW_ID
from pipeline.data.convert import category_of, number_of, plain_number_of, without_markers
from pipeline.data.read import MALFORMED, RawTable
from pipeline.data.split import ROW_HASH, hash_of, with_split

LABEL_NUMBER, LABEL_TEXT, KEY_MISSING, BAD = "label_number", "label_text", "key_missing", "bad"
_RAW_LABEL = "__label"


@dataclass(frozen=True)
class Table:
    """Typed rows; see the module for the columns.

    Attributes:
        rows: the rows.
        numeric: names of `n0, n1, ...` in the source.
        categorical: names of `c0, c1, ...` in the source.
        label: name of the label in the source.
    """

    rows: DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    label: str

    def numbers(self) -> Iterator[tuple[str, str]]:
        """Pairs of a safe column and its name in the source."""
        return ((f"n{i}", name) for i, name in enumerate(self.numeric))

    def categories(self) -> Iterator[tuple[str, str]]:
        """Pairs of a safe column and its name in the source."""
        return ((f"c{i}", name) for i, name in enumerate(self.categorical))


def type_table(raw: RawTable, data: DataConfig, features: FeaturesConfig, *, split: SplitConfig, seed: int) -> Table:
    """Give values their types, and rows their places.

    Columns are added in layers, each using the ones before by name: Spark then computes a conversion once, though
    a value, its check and the row's hash all need it.
    """
    numeric = tuple(name for group in features.numeric for name in group.columns)
    categorical = tuple(name for group in features.categorical for name in group.columns)
    table = Table(_cleaned(raw), numeric, categorical, data.label)
    rows = _with_values(table, raw, data.key)
    rows = _with_checks(rows, table, raw)
    rows = _with_hashes(rows, table, keyed=bool(data.key))
    rows = with_split(rows, ROW_ID, split.fractions, seed)
    return Table(rows, numeric, categorical, data.label)


def _cleaned(raw: RawTable) -> DataFrame:
    """Null markers become null."""
    is_text = {name: isinstance(raw.kind(name), StringType) for name in raw.names}
    columns = [
        (without_markers(F.col(safe), raw.markers) if is_text[name] else F.col(safe)).alias(safe)
        for safe, name in ((raw.column(name), name) for name in raw.names)
    ]
    return raw.rows.select(*columns, *([MALFORMED] if raw.has_lines else []))


def _with_values(table: Table, raw: RawTable, key: tuple[str, ...]) -> DataFrame:
    values = {safe: number_of(F.col(raw.column(name)), raw.kind(name)) for safe, name in table.numbers()}
    values |= {safe: category_of(F.col(raw.column(name)), raw.kind(name)) for safe, name in table.categories()}
    label, kind = F.col(raw.column(table.label)), raw.kind(table.label)
    values |= {LABEL_NUMBER: plain_number_of(label, kind), _RAW_LABEL: category_of(label, kind)}
    texts = [category_of(F.col(raw.column(name)), raw.kind(name)) for name in key]
    missing = [text.isNull() for text in texts]
    values[KEY_MISSING] = reduce(Column.__or__, missing) if key else F.lit(False)
    if key:
        values[ROW_ID] = hash_of(texts)
    return table.rows.withColumns(values)


def _with_checks(rows: DataFrame, table: Table, raw: RawTable) -> DataFrame:
    """What is wrong with a row, and the label's text where it is no number."""
    text = F.when(F.col(LABEL_NUMBER).isNull(), F.col(_RAW_LABEL))
    faults = [F.col(MALFORMED).isNotNull()] if raw.has_lines else []
    faults += [
        F.col(safe).isNull() & F.col(raw.column(name)).isNotNull()
        for safe, name in table.numbers()
        if isinstance(raw.kind(name), StringType)
    ]
    bad = reduce(Column.__or__, faults) if faults else F.lit(False)
    return rows.withColumns({LABEL_TEXT: text, BAD: bad})


def _with_hashes(rows: DataFrame, table: Table, *, keyed: bool) -> DataFrame:
    # Adding 0.0 turns -0.0 into 0.0: the two are equal, and must not be told apart by a hash.
    values = {name: [F.col(safe) + F.lit(0.0)] for safe, name in table.numbers()}
    values |= {name: [F.col(safe)] for safe, name in table.categories()}
    values[table.label] = [F.col(LABEL_NUMBER) + F.lit(0.0), F.col(LABEL_TEXT)]
    columns = [column for name in sorted(values) for column in values[name]]
    rows = rows.withColumn(ROW_HASH, hash_of([*([F.col(ROW_ID)] if keyed else []), *columns]))
    return rows if keyed else rows.withColumn(ROW_ID, F.col(ROW_HASH))
