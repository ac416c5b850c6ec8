"""Out-of-fold predictions: of every row by a model that was not trained on it, in one table.

the columns of data.key, if any
__row_id      int64, as in every store
__fold        int, the fold whose model predicted the row; with repeats and bootstrap, a row appears once per fold
__actual      the label: double, or string for a class
prediction    double, for a numeric label
label, probability_CLASS, ...   the predicted class and the probability of each, for a label with classes
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import reduce

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession

from pipeline.evaluation.predict_job import LABEL, prediction_schema
from pipeline.preparation.listing.catalog import quoted
from pipeline.preparation.planning.open_dataset import open_rows
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.part_files import read_parts, replace_parts, write_parts
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.runtime.cancel import cancelling
from pipeline.schemas.column_names import clashing
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.store_schema import ROW_ID
from pipeline.stages.folds import FoldResult, Folds
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.publish import replace_folder, scratch

FOLD, ACTUAL = "__fold", "__actual"


class PredictionsTable:
    """Writes the table in two parts: while the last folds are still trained, and when all have finished."""

    def __init__(self, spark: SparkSession, folds: Folds, work: StoragePath) -> None:
        """Nothing is read before something is written.

        Args:
            spark: a live session.
            folds: the folds; the classes of the label are the same in all of them.
            work: a scratch folder.
        """
        self._spark, self._folds, self._drafts, self._late = spark, folds, work.child("early"), work.child("late")
        self._lock, self._keys, self._early = threading.Lock(), list[DataFrame](), frozenset[int]()

    def write_early(self, results: Sequence[FoldResult]) -> None:
        """Write the rows of some folds ahead, on a task slot that would idle; by any thread, and the first call counts.

        Files of an object store cannot be moved into the table later, so none are written there.
        """
        with self._lock:
            if self._early or not results or not self._drafts.renames_folders:
                return
            if (keys := _keys_of(self._spark, self._folds)) is not None:
                self._keys.append(keys.persist(StorageLevel.DISK_ONLY))  # the later part needs them, too
            write_parts(self._rows(results), self._drafts)
            self._early = frozenset(result.number for result in results)

    def publish(self, results: Sequence[FoldResult], folder: StoragePath) -> None:
        """Write the rows of all other folds, and publish the table in place of an earlier one.

        Args:
            results: the results of all folds.
            folder: the folder of the table.
        """
        rows = self._rows([result for result in results if result.number not in self._early])
        if not folder.renames_folders:
            replace_parts(rows, folder)
            return
        if not self._early:
            write_parts(rows, self._drafts)
        else:
            for name in write_parts(rows, self._late):
                files.move(self._late.child(name), self._drafts.child(name))
        replace_folder(self._drafts, folder)

    def close(self) -> None:
        """Forget the keys."""
        for keys in self._keys:
            with suppress(Exception):  # Spark may have stopped
                keys.unpersist()

    def _rows(self, results: Sequence[FoldResult]) -> DataFrame:
        label = self._folds.stores[0].features.label
        rows = reduce(DataFrame.unionByName, (_of_fold(self._spark, label, result) for result in results))
        keys = self._keys[0] if self._keys else _keys_of(self._spark, self._folds)
        if keys is None:
            return rows
        key = [name for name in keys.columns if name != ROW_ID]
        return rows.join(keys, ROW_ID, "left").select(*(quoted(name) for name in key), *rows.columns)


@contextmanager
def predictions_table(spark: SparkSession, folds: Folds, root: StoragePath) -> Iterator[PredictionsTable]:
    """The table of some folds, which is written within the block."""
    with scratch(root) as work, cancelling(spark):
        table = PredictionsTable(spark, folds, work)
        try:
            yield table
        finally:
            table.close()


def _of_fold(spark: SparkSession, label: LabelSpec, result: FoldResult) -> DataFrame:
    rows = read_parts(spark, result.predictions, prediction_schema(label.outputs))
    return rows.select(
        ROW_ID,
        F.lit(result.number).alias(FOLD),
        _class(label, F.col(LABEL)).alias(ACTUAL),
        *_prediction_columns(label, result.decision()),
    )


def _prediction_columns(label: LabelSpec, decision: DecisionRule) -> list[Column]:
    if not label.classes:
        return [F.col("p0").alias(label.prediction_columns[0])]
    if label.outputs == 1:
        shares = [1.0 - F.col("p0"), F.col("p0")]
        index = (F.col("p0") >= F.lit(decision.threshold)).cast("int")
    else:
        shares = [F.col(f"p{index}") for index in range(len(label.classes))]
        index = F.array_position(F.array(*shares), F.greatest(*shares)).cast("int") - 1
    columns = [_class(label, index), *shares]
    return [column.alias(name) for column, name in zip(columns, label.prediction_columns, strict=True)]


def _class(label: LabelSpec, value: Column) -> Column:
    """The name of a class by its index; a numeric label unchanged."""
    if not label.classes:
        return value
    return F.get(F.array(*(F.lit(name) for name in label.classes)), value.cast("int"))


def _keys_of(spark: SparkSession, folds: Folds) -> DataFrame | None:
    """The id of each row with the columns of its key; None if there is no key.

    A column whose name clashes with one of the table is left out.
    """
    store_spec, source = folds.spec.store_spec, folds.source
    label = folds.stores[0].features.label
    taken = clashing((*store_spec.data.key, ROW_ID, FOLD, ACTUAL, *label.prediction_columns))
    key = [name for name in store_spec.data.key if not any(name in alike for alike in taken)]
    if not key:
        return None
    table = open_rows(store_spec, open_table(spark, source, store_spec.data.source)).table
    return _keys(table, key).dropDuplicates([ROW_ID])


def _keys(table: Table, key: Sequence[str]) -> DataFrame:
    """The id of each row with the columns of its key."""
    kinds = table.program.inputs.raw.kinds
    schema = pa.schema([(ROW_ID, pa.int64()), *((f"k{index}", kinds[name]) for index, name in enumerate(key))])

    def keys(_: int, batches: Iterator[Rows]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            columns = [pa.array(rows.placement.row_id), *(rows.typed.raw[name].cast(kinds[name]) for name in key)]
            yield pa.record_batch(columns, schema=schema)

    named = [F.col(f"k{index}").alias(name) for index, name in enumerate(key)]
    return table.mapped(keys, schema).select(ROW_ID, *named)
