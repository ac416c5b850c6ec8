"""The rows of a split in their source, with the hashes that identify them in the store.

A row is identified by its hash and its label. Several rows of a split that share both count as one, which has the
least of their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession

from pipeline.arrays.cells import category_of, number_of, raw_text
from pipeline.arrays.expressions import evaluate
from pipeline.config.expression import parse_expression
from pipeline.evaluation.predict_job import LABEL
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.feature_plan import value_types
from pipeline.preparation.planning.open_dataset import open_rows
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.reading.column_readings import ColumnReading
from pipeline.preparation.reading.column_types import column_types
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.raw import SourceTable
from pipeline.preparation.rows.label_values import label_value
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.schemas.expression import ColumnNode, Node, ValueType, columns_of
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.store_schema import ROW_ID
from pipeline.store.layout import SPLITS

_ELSEWHERE = "elsewhere"

SHOWN_COLUMNS = 200
"""The largest number of columns of the source that are shown of a row."""


@dataclass(frozen=True)
class ExpressionValues:
    """The values of expressions for the rows of a split.

    Attributes:
        rows: lazy table of `ROW_ID`, `LABEL` and the values `s0`, `s1`, ..., with each hash and label once.
        by: the expressions.
        kinds: types of their values.
        problems: messages about expressions that are left out.
    """

    rows: DataFrame
    by: tuple[str, ...]
    kinds: tuple[ValueType, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class SourceRows:
    """The rows of a split in their source.

    Attributes:
        spark: the Spark session.
        store_spec: how the store was made.
        source: the unchanged source that the store was made from.
        label: the fitted label.
        split: the split.
    """

    spark: SparkSession
    store_spec: StoreSpec
    source: Source
    label: LabelSpec
    split: str

    def values(self, expressions: Sequence[str]) -> ExpressionValues:
        """The values of columns or of SQL expressions; runs a query if column types must be inferred."""
        table = self._open()
        types = _types(table, expressions)
        nodes, problems = _nodes(expressions, types)
        used = [column.name for node in nodes.values() for column in columns_of(node)]
        chosen = tuple(nodes.values())
        kinds = [pa.float64() if node.type == "number" else pa.string() for node in chosen]
        rows = self._once(table, list(dict.fromkeys(used)), lambda rows: _evaluated(chosen, rows, types), kinds)
        return ExpressionValues(rows, tuple(nodes), tuple(node.type for node in chosen), problems)

    def raw(self, ids: Sequence[int]) -> dict[tuple[int, float], dict[str, str | None]]:
        """The values of some rows as texts, by column, for each hash and label."""
        table = self._open()
        names = table.unique_names[:SHOWN_COLUMNS]
        wanted = np.unique(np.array([*ids], np.int64))
        kinds = [pa.string()] * len(names)
        chosen = self._once(
            table, names, lambda rows: [raw_text(rows.typed.raw[name]) for name in names], kinds, wanted
        )
        return {
            (row[ROW_ID], row[LABEL]): {name: row[f"s{i}"] for i, name in enumerate(names)} for row in chosen.collect()
        }

    def _open(self) -> SourceTable:
        return open_table(self.spark, self.source, self.store_spec.data.source)

    def _once(
        self,
        source_table: SourceTable,
        names: Sequence[str],
        values: Callable[[Rows], Sequence[pa.Array]],
        kinds: Sequence[pa.DataType],
        ids: npt.NDArray[np.int64] | None = None,
    ) -> DataFrame:
        """Each hash and label of the split once, with the values `s0`, `s1`, ...; only for `ids`, if given.

        Of rows that share both, those of the split take precedence, then the least values.
        """
        table, label, wanted = (
            open_rows(self.store_spec, source_table, more=names).table,
            self.label,
            SPLITS.index(self.split),
        )
        safe = [f"s{i}" for i in range(len(kinds))]
        schema = pa.schema(
            [(ROW_ID, pa.int64()), (LABEL, pa.float64()), (_ELSEWHERE, pa.bool_()), *zip(safe, kinds, strict=True)]
        )

        def look(_: int, batches: Iterator[Rows]) -> Iterator[pa.RecordBatch]:
            for rows in batches:
                placement = rows.placement
                labels = label_value(label, rows.typed).astype(np.float64)
                columns = [placement.row_id, labels, placement.split != wanted, *values(rows)]
                batch = pa.record_batch([pa.array(column) for column in columns], schema=schema)
                yield batch if ids is None else batch.filter(pa.array(np.isin(placement.row_id, ids)))

        rows = table.mapped(look, schema)
        first = rows.groupBy(ROW_ID, LABEL).agg(F.min(F.struct(_ELSEWHERE, *safe)).alias("known"))
        return first.select(ROW_ID, LABEL, *(F.col(f"known.{name}") for name in safe))


def _evaluated(nodes: Sequence[Node], rows: Rows, types: Mapping[str, ValueType]) -> list[pa.Array]:
    """The values of expressions for some rows of the source."""
    raw = rows.typed.raw
    used = {column.name for node in nodes for column in columns_of(node)}
    typed = {name: column for name, column in rows.typed.values.items() if pa.types.is_floating(column.type)}
    columns = {
        name: typed.get(name, number_of(raw[name])) if types[name] == "number" else category_of(raw[name])
        for name in used
    }
    return [evaluate(node, columns, rows.count) for node in nodes]


def _types(table: SourceTable, expressions: Sequence[str]) -> dict[str, ValueType]:
    """Types of the columns that expressions may mention; other columns are not inspected."""
    mentioned = [name for name in table.names if any(name in text for text in expressions)]
    types = column_types(table, {name: ColumnReading("text") for name in table.names if name not in mentioned})
    return value_types({name: reading.type for name, reading in types.items() if name in mentioned})


def _nodes(expressions: Sequence[str], types: Mapping[str, ValueType]) -> tuple[dict[str, Node], tuple[str, ...]]:
    """Expressions that can be parsed, and problems of the others. A column's name stands for the column itself."""
    nodes: dict[str, Node] = {}
    problems = []
    for text in expressions:
        try:
            type_of_column = types.get(text)
            nodes[text] = (
                ColumnNode(name=text, type=type_of_column) if type_of_column else parse_expression(text, types)
            )
        except ValueError as error:
            problems.append(f"evaluate.slices: '{text}': {error}")
    return nodes, tuple(problems)
