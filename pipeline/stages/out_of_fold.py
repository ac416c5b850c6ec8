"""Out-of-fold predictions: of every row by a model that was not trained on it, in one table.

the columns of data.key, if any
__row_id      int64, as in every store
__fold        int, the fold whose model predicted the row; with repeats and bootstrap, a row appears once per fold
__actual      the label: double, or string for a class
prediction    double, for a numeric label
label, probability_CLASS, ...   the predicted class and the probability of each, for a label with classes
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

from pipeline.evaluation.predict_job import LABEL, prediction_schema
from pipeline.preparation.listing.catalog import quoted
from pipeline.preparation.planning.column_checks import clashing
from pipeline.preparation.planning.open_dataset import open_rows
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.part_files import read_parts, replace_parts, write_parts
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.store_schema import ROW_ID
from pipeline.stages.folds import FoldResult, Folds
from pipeline.store.filesystem import StoragePath
from pipeline.store.publish import replace_folder, scratch

FOLD, ACTUAL = "__fold", "__actual"


def write_predictions(
    spark: SparkSession, folds: Folds, results: Sequence[FoldResult], folder: StoragePath, *, root: StoragePath
) -> None:
    """Write the table as Parquet, in place of an earlier one.

    Args:
        spark: a live session.
        folds: the folds; the classes of the label are the same in all of them.
        results: the results of all folds.
        folder: the folder of the table.
        root: the storage root.
    """
    label = folds.stores[0].features.label
    rows = reduce(DataFrame.unionByName, (_of_fold(spark, label, *each) for each in enumerate(results)))
    rows = _with_key(spark, folds, rows)
    if not folder.renames_folders:
        replace_parts(rows, folder)
        return
    with scratch(root) as work:
        drafts = work.child("predictions")
        write_parts(rows, drafts)
        replace_folder(drafts, folder)


def _of_fold(spark: SparkSession, label: LabelSpec, number: int, result: FoldResult) -> DataFrame:
    rows = read_parts(spark, result.predictions, prediction_schema(label.outputs))
    return rows.select(
        ROW_ID,
        F.lit(number).alias(FOLD),
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


def _with_key(spark: SparkSession, folds: Folds, rows: DataFrame) -> DataFrame:
    """The rows with the columns of the key in front, except one whose name clashes with a column of the table."""
    store_spec, source = folds.spec.store_spec, folds.source
    taken = clashing((*store_spec.data.key, *rows.columns))
    key = [name for name in store_spec.data.key if not any(name in alike for alike in taken)]
    if not key:
        return rows
    keys = _keys(open_rows(store_spec, open_table(spark, source, store_spec.data.source)).table, key)
    return rows.join(keys.dropDuplicates([ROW_ID]), ROW_ID, "left").select(
        *(quoted(name) for name in key), *rows.columns
    )


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
