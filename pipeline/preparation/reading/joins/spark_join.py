"""Joins whose right side is too large for the memory of every task: Spark shuffles both sides by their keys.

Tasks read both sides as ever, and give Spark the keys as texts, so that what matches does not depend on the size. What
a store is made of is then staged like the rows of a query; rows have no file and no line any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.arrays.types import plain_type
from pipeline.preparation.reading.joins.key_index import key_texts
from pipeline.preparation.reading.joins.matches import MatchCounts
from pipeline.preparation.reading.joins.right_side import (
    SHOWN_KEYS,
    check_well_formed,
    repeated_keys,
    shown_key,
    typed,
)
from pipeline.preparation.reading.raw import RawColumns, RawTable
from pipeline.preparation.reading.scan import Batches, FrameScan
from pipeline.sources.decoding.pieces import MALFORMED

_MATCHED = "__matched"


@dataclass(frozen=True)
class SparkJoin:
    """Both sides, as far as they are needed.

    Attributes:
        left: the wanted columns of the left side, then those of the key that are not among them.
        right: the columns of the key, then the wanted ones of the right side.
        wanted: names of the columns of the joined rows, in order.
        on: names of the key columns.
        kinds: the types of the wanted columns of the right side, by their names in the joined source, in their order.
        keeps_all: whether rows that match none are kept.
        title: what the right side is called in messages.
    """

    left: RawTable
    right: RawTable
    wanted: tuple[str, ...]
    on: tuple[str, ...]
    kinds: Mapping[str, pa.DataType]
    keeps_all: bool
    title: str

    def joined(self) -> RawTable:
        """The joined rows, lazily."""
        rows, columns = self._rows(), self.left.columns
        if not self.keeps_all:
            rows = rows.where(F.col(_MATCHED) | F.col(MALFORMED).isNotNull())
        left = {name: self.left.kind(name) for name in self.left.names}
        places = {name: f"l{i}" for i, name in enumerate(left)} | {name: f"v{i}" for i, name in enumerate(self.kinds)}
        kinds = {name: left[name] if name in left else self.kinds[name] for name in self.wanted}
        chosen: list[Column] = [F.col(places[name]).alias(f"r{i}") for i, name in enumerate(self.wanted)]
        lines = [F.col(MALFORMED)] if columns.has_lines else []
        return RawTable(replace(columns, names=self.wanted, kinds=kinds), FrameScan(rows.select(*chosen, *lines)))

    def counts(self) -> MatchCounts:
        """How many rows match.

        Raises:
            DataError: the right side has a key more than once.
        """
        self._check_distinct()
        good = self._rows().where(F.col(MALFORMED).isNull())
        row = good.agg(F.count(F.lit(1)), F.count_if(F.col(_MATCHED))).first()
        assert row is not None
        missed = self._some(good.where(~F.col(_MATCHED)))
        return MatchCounts(int(row[0]), int(row[1]), missed, self._some(self._right()))

    def _check_distinct(self) -> None:
        counts = self._right().groupBy(*self._keys).agg(F.count(F.lit(1)).alias("rows")).where("rows > 1")
        total = counts.agg(F.sum(F.col("rows") - 1)).first()
        if total is not None and total[0]:
            keys = [shown_key(self.on, key) for key in self._some(counts.orderBy(*self._keys))]
            raise repeated_keys(self.title, int(total[0]), keys)

    def _some(self, rows: DataFrame) -> list[list[str | None]]:
        return [list(row) for row in rows.select(*self._keys).limit(SHOWN_KEYS).collect()]

    @property
    def _keys(self) -> list[str]:
        return [f"k{i}" for i in range(len(self.on))]

    def _rows(self) -> DataFrame:
        matched = self._right().withColumn(_MATCHED, F.lit(True))
        rows = self._left().join(matched, self._keys, "left")
        return rows.withColumn(_MATCHED, F.coalesce(F.col(_MATCHED), F.lit(False)))

    def _left(self) -> DataFrame:
        columns, on = self.left.columns, self.on
        kinds = [plain_type(columns.kinds[name]) for name in columns.names]
        schema = pa.schema([*_texts("k", len(on)), *((f"l{i}", kind) for i, kind in enumerate(kinds)), _LINE])

        def work(_: int, batches: Batches) -> Batches:
            for batch in batches:
                keys = key_texts([columns.column(batch, name) for name in on])
                own = [batch.column(i).cast(kind) for i, kind in enumerate(kinds)]
                yield pa.RecordBatch.from_arrays([*keys, *own, _malformed(columns, batch)], schema=schema)

        return self.left.scan.mapped(work, schema)

    def _right(self) -> DataFrame:
        """The rows of the right side that have a whole key."""
        columns, on, kinds, title = self.right.columns, self.on, self.kinds, self.title
        schema = pa.schema([*_texts("k", len(on)), *((f"v{i}", kind) for i, kind in enumerate(kinds.values()))])
        names = columns.names[len(on) :]

        def work(_: int, batches: Batches) -> Batches:
            for batch in batches:
                check_well_formed(_malformed(columns, batch), title)
                keys = key_texts([columns.column(batch, name) for name in on])
                values = [
                    typed(columns.column(batch, name), kind, f"Column '{joined}' of {title}")
                    for name, (joined, kind) in zip(names, kinds.items(), strict=True)
                ]
                yield pa.RecordBatch.from_arrays([*keys, *values], schema=schema)

        rows = self.right.scan.mapped(work, schema)
        return rows.where(reduce(lambda first, second: first & second, (F.col(k).isNotNull() for k in self._keys)))


_LINE = (MALFORMED, pa.string())


def _texts(prefix: str, count: int) -> list[tuple[str, pa.DataType]]:
    return [(f"{prefix}{i}", pa.string()) for i in range(count)]


def _malformed(columns: RawColumns, batch: pa.RecordBatch) -> pa.Array:
    nulls = pa.nulls(len(batch), pa.string())
    return batch.column(len(columns.names)).cast(pa.string()) if columns.has_lines else nulls
