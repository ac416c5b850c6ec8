"""The rows of a split in their source, with the ids by which they are known in the store.

A row is known by its id and its label. Where several rows of a split share both, they are taken for one, which has the
values of the first of them in the order of these values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from pipeline.config.expression import parse_expression
from pipeline.contract.columns import ROW_ID
from pipeline.contract.expression import ColumnNode, Node, ValueType, columns_of
from pipeline.contract.label import LabelSpec
from pipeline.data.convert import category_of, number_of
from pipeline.data.kinds import column_types
from pipeline.data.opening import open_rows
from pipeline.data.raw import RawTable, SourceTable
from pipeline.data.read import open_table
from pipeline.data.recipe import StoreRecipe
from pipeline.data.source import Source
from pipeline.data.split import SPLIT
from pipeline.evaluate.predict import LABEL
from pipeline.features.choose import value_types
from pipeline.features.expression import to_column
from pipeline.features.transform import label_value
from pipeline.store.layout import SPLITS

SHOWN_COLUMNS = 200
"""Of the source, of a row that is shown as it is."""


@dataclass(frozen=True)
class Values:
    """What expressions give for the rows of a split.

    Attributes:
        rows: `ROW_ID`, `LABEL` and the values `s0`, `s1`, ..., lazily; each id and label once.
        by: the expressions.
        kinds: types of their values.
        problems: what is wrong with expressions that are left out.
    """

    rows: DataFrame
    by: tuple[str, ...]
    kinds: tuple[ValueType, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class SourceRows:
    """Where the rows of a split can be found.

    Attributes:
        spark: the session.
        recipe: how the store was made.
        source: that it was made of, unchanged.
        label: the fitted label.
        split: which rows.
    """

    spark: SparkSession
    recipe: StoreRecipe
    source: Source
    label: LabelSpec
    split: str

    def values(self, expressions: Sequence[str]) -> Values:
        """The values of columns, or of SQL expressions of columns; runs a query where types must be found out."""
        found = self._open()
        types = _types(found, expressions)
        nodes, problems = _nodes(expressions, types)
        used = [column.name for node in nodes.values() for column in columns_of(node)]
        rows, raw = self._rows(found, list(dict.fromkeys(used)))
        known = {name: _value(raw, name, types[name]) for name in raw.names if name in types}
        values = {f"s{i}": to_column(node, known) for i, node in enumerate(nodes.values())}
        kinds = tuple(node.type for node in nodes.values())
        return Values(self._once(rows, values) if values else rows, tuple(nodes), kinds, problems)

    def raw(self, ids: Sequence[int]) -> dict[tuple[int, float], dict[str, str | None]]:
        """The values of some rows as texts, by column, for each id and label."""
        found = self._open()
        names = [name for name in found.names if name and found.names.count(name) == 1][:SHOWN_COLUMNS]
        rows, raw = self._rows(found, names)
        wanted = self.spark.createDataFrame([(one,) for one in dict.fromkeys(ids)], f"{ROW_ID} long")
        texts = {f"s{i}": F.col(raw.column(name)).cast("string") for i, name in enumerate(names)}
        chosen = self._once(rows.join(F.broadcast(wanted), ROW_ID), texts)
        return {
            (row[ROW_ID], row[LABEL]): {name: row[f"s{i}"] for i, name in enumerate(names)} for row in chosen.collect()
        }

    def _open(self) -> SourceTable:
        return open_table(self.spark, self.source, self.recipe.data.source)

    def _rows(self, found: SourceTable, names: Sequence[str]) -> tuple[DataFrame, RawTable]:
        opened = open_rows(self.recipe, found, more=names)
        return opened.table.rows.withColumn(LABEL, label_value(self.label).cast("double")), opened.raw

    def _once(self, rows: DataFrame, values: Mapping[str, Column]) -> DataFrame:
        """Rows of other splits come last and are not filtered out: Spark would push that down to the source and write
        out for every column what decides on a row's split (docs/decisions.md, "No filter on the split")."""
        elsewhere = F.coalesce(F.col(SPLIT) != SPLITS.index(self.split), F.lit(True)).alias("elsewhere")
        known = F.struct(elsewhere, *(value.alias(name) for name, value in values.items())).alias("known")
        first = rows.select(ROW_ID, LABEL, known).groupBy(ROW_ID, LABEL).agg(F.min("known").alias("known"))
        return first.select(ROW_ID, LABEL, *(F.col(f"known.{name}") for name in values))


def _types(found: SourceTable, expressions: Sequence[str]) -> dict[str, ValueType]:
    """Of the columns that expressions may mention; what cannot be among them is not looked at."""
    mentioned = [name for name in found.names if any(name in text for text in expressions)]
    types = column_types(found, {name: "text" for name in found.names if name not in mentioned})
    return value_types({name: kind for name, kind in types.items() if name in mentioned})


def _nodes(expressions: Sequence[str], types: Mapping[str, ValueType]) -> tuple[dict[str, Node], tuple[str, ...]]:
    """Expressions that can be read, and what is wrong with the others. The name of a column stands for it as it is."""
    nodes: dict[str, Node] = {}
    problems = []
    for text in expressions:
        try:
            known = types.get(text)
            nodes[text] = ColumnNode(name=text, type=known) if known else parse_expression(text, types)
        except ValueError as error:
            problems.append(f"evaluate.slices: '{text}': {error}")
    return nodes, tuple(problems)


def _value(raw: RawTable, name: str, kind: ValueType) -> Column:
    column, stored = F.col(raw.column(name)), raw.kind(name)
    return number_of(column, stored) if kind == "number" else category_of(column, stored)
