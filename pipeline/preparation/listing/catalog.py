"""Tables of the catalog and queries: how they are opened, and how a change of their content is detected.

The analysed plan names everything that rows come from. Where that is files alone, the fingerprint is made of their
names, sizes and modification times, and of the text of the query and of its views. Where it includes anything else (a
database, the rows of a notebook), the rows themselves are counted and hashed, which takes another pass over them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pyspark.sql.functions as F
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import DataType

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.schemas.document import fingerprint

log = logging.getLogger(__name__)

WITHOUT_ROWS = frozenset({"OneRowRelation", "CTERelationRef"})
UNSTEADY_NODES = {"Sample": "TABLESAMPLE", "ScriptTransformation": "a program"}


def open_relation(spark: SparkSession, config: SourceConfig) -> DataFrame:
    """The rows of a table or a query, lazily.

    Raises:
        DataError: Spark does not know the table or cannot run the query, or its rows may differ from run to run.
    """
    subject = f"Table '{config.table}'" if config.table is not None else "The query of data.source.query"
    try:
        if config.table is not None:
            spark.catalog.refreshTable(config.table)
            rows = spark.table(config.table)
        else:
            # Within parentheses, Spark's grammar allows nothing but a query: no statement that writes can run.
            rows = spark.sql(f"SELECT * FROM (\n{config.query}\n)")
        reasons = sorted(set(_unsteady(spark, rows)))
    except (AnalysisException, PySparkException, Py4JJavaError) as error:
        raise DataError(f"{subject} cannot be read. {explain_spark_error(error)}") from error
    if reasons:
        raise DataError(
            f"{subject} can return different rows each time, but is read more than once. "
            f"Received: {', '.join(reasons)}. Write constants instead, or save the rows as a table first."
        )
    return rows


def relation_fingerprint(spark: SparkSession, rows: DataFrame, text: str) -> str:
    """SHA-256 that changes with the rows of a table or query.

    Args:
        spark: the session.
        rows: from `open_relation`.
        text: the text of the query; empty for a table.
    """
    origins = list(_origins(spark, rows))
    columns = [[field.name, field.dataType.simpleString()] for field in rows.schema.fields]
    if all(origin is not None for origin in origins):
        return fingerprint(["files", text, columns, sorted(origins, key=str)])
    log.warning(
        "Changes of data.source show only in its rows, so each job reads all of them one more time. "
        "A table of files avoids that."
    )
    return fingerprint(["rows", columns, _content(rows)])


def _unsteady(spark: SparkSession, rows: DataFrame) -> Iterator[str]:
    """What makes the rows of a plan differ from run to run."""
    analyzed = _analyzed(rows)
    patterns = spark._jvm.org.apache.spark.sql.catalyst.trees.TreePattern  # type: ignore[union-attr]
    if not analyzed.deterministic():
        yield "a function with different values each time, such as rand() or uuid()"
    if analyzed.containsPattern(patterns.CURRENT_LIKE()):
        yield "a function of the current time or session, such as current_date()"
    for node in _nodes(analyzed):
        name = node.getClass().getSimpleName()
        if name in UNSTEADY_NODES:
            yield UNSTEADY_NODES[name]


def _origins(spark: SparkSession, rows: DataFrame) -> Iterator[list[Any] | None]:
    """Every file that rows come from, and the text of every view; None for any other origin."""
    for node in _nodes(_analyzed(rows)):
        name = node.getClass().getSimpleName()
        if name == "View":
            view = node.desc().viewText()
            # A data frame that was registered as a view has no text, and may do anything.
            yield ["view", view.get()] if view.isDefined() else None
        elif name == "LogicalRelation" and node.relation().getClass().getSimpleName() == "HadoopFsRelation":
            yield from _files(spark, node.relation().location())
        elif node.children().isEmpty() and name not in WITHOUT_ROWS:
            yield None


def _files(spark: SparkSession, index: Any) -> Iterator[list[Any]]:
    """The files of a relation, as the file system has them now."""
    index.refresh()
    nothing = spark._jvm.scala.collection.immutable.List.newBuilder().result()  # type: ignore[union-attr]
    for folder in elements(index.listFiles(nothing, nothing)):
        for status in elements(folder.files()):
            yield ["file", status.getPath().toString(), status.getLen(), status.getModificationTime()]


def _analyzed(rows: DataFrame) -> Any:
    return rows._jdf.queryExecution().analyzed()


def _nodes(plan: Any) -> Iterator[Any]:
    """All nodes of a plan and of the subqueries in its expressions."""
    pending = [plan, *elements(plan.subqueriesAll())]
    while pending:
        node = pending.pop()
        yield node
        pending += elements(node.children())


def elements(sequence: Any) -> Iterator[Any]:
    """The elements of a Scala collection."""
    iterator = sequence.iterator()
    while iterator.hasNext():
        yield iterator.next()


def _content(rows: DataFrame) -> list[str]:
    """The number of rows, and the sum of their hashes, which does not depend on their order."""
    names = [f"c{i}" for i in range(len(rows.columns))]
    columns = [_hashable(F.col(name), field.dataType) for name, field in zip(names, rows.schema.fields, strict=True)]
    # A null does not change a hash: without the flags, a value could move to the next column unseen.
    values = [*columns, *(F.isnull(name) for name in names)]
    total = F.sum(F.xxhash64(*values).cast("decimal(38,0)"))
    totals = rows.toDF(*names).agg(F.count(F.lit(1)), total).first()
    assert totals is not None
    return [str(value) for value in totals]


def _hashable(column: Column, kind: DataType) -> Column:
    """A column that Spark can hash: maps, and types that contain them, as JSON."""
    plain = not any(word in kind.simpleString() for word in ("map<", "variant"))
    return column if plain else F.to_json(F.struct(column))


def quoted(name: str) -> str:
    """A column name in backticks, which Spark takes literally."""
    return "`" + name.replace("`", "``") + "`"
