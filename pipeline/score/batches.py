"""Rows through the model, batch by batch, in Spark's Python workers.

Spark hands a task's rows over as Arrow batches, and gets them back with the answers beside them: what is in memory at
once is a few batches, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import DataType, DoubleType, StringType, StructField, StructType

from pipeline.contract.document import Document
from pipeline.contract.features import RawColumn
from pipeline.contract.label import LabelSpec, Task
from pipeline.data.table import BAD
from pipeline.errors import DataError, Problem, gather
from pipeline.runtime.quiet import import_quietly
from pipeline.score.columns import OutputColumns
from pipeline.score.rows import NewRows, kept_column
from pipeline.store.bundle import Bundle

BATCH_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"


class BatchJob(Document):
    """What every task needs to know.

    Attributes:
        file: URI of the Keras file.
        sha256: of that file.
        columns: the model's inputs.
        places: the column of a batch that holds each of them.
        kept: how many columns of a batch go on, the first ones.
        label: what the model answers.
        threads: cores of a task.
    """

    file: str
    sha256: str
    columns: tuple[RawColumn, ...]
    places: tuple[int, ...]
    kept: int
    label: LabelSpec
    threads: int


def scored_rows(opened: NewRows, bundle: Bundle, version: str, seen: Observation) -> DataFrame:
    """The output: kept columns, answers and the model's version, of the rows that are not bad.

    Args:
        opened: the source.
        bundle: the model.
        version: what the model is called.
        seen: will know how many `rows` there are, and how many of them are `bad`, when the output was written.

    Raises:
        DataError: a column that is kept has a type that cannot leave Java.
    """
    output, raw = opened.output, bundle.features.raw
    kept = [kept_column(i) for i in range(len(output.kept))]
    inputs = [_handed_column(opened, column) for column in raw]
    # What is kept as the model reads it is handed over once.
    handed = list(dict.fromkeys((*kept, *inputs)))
    job = BatchJob(
        file=bundle.file.uri,
        sha256=bundle.card.sha256,
        columns=raw,
        places=tuple(handed.index(name) for name in inputs),
        kept=len(kept),
        label=bundle.features.label,
        threads=int(opened.rows.sparkSession.conf.get("spark.task.cpus", "1") or 1),
    )
    payload = job.to_json()
    counts = (F.count(F.lit(1)).alias("rows"), F.count_if(F.col(BAD)).alias("bad"))
    # Chosen before they are counted: Spark leaves no column out that is there when it counts.
    good = opened.rows.select(*handed, BAD).observe(seen, *counts).where(~F.col(BAD)).select(*handed)
    schema = StructType([*(good.schema[name] for name in kept), *_answer_fields(job.label)])
    _check_types(schema, output)
    answered = good.mapInArrow(lambda batches: score_batches(batches, payload), schema)
    safe = [*kept, *(field.name for field in _answer_fields(job.label))]
    named = [F.col(column).alias(name) for column, name in zip(safe, output.names, strict=False)]
    return answered.select(*named, F.lit(version).alias(output.version))


def score_batches(batches: Iterable[pa.RecordBatch], payload: str) -> Iterator[pa.RecordBatch]:
    """In a worker: the same batches, with answers in place of the model's inputs."""
    job = BatchJob.from_json(payload, "the job of this task")
    for batch in batches:
        yield _scored(batch, job)


def _scored(batch: pa.RecordBatch, job: BatchJob) -> pa.RecordBatch:
    module = import_quietly("pipeline.score.predictor")
    predictor = module.load_predictor(job.file, job.sha256, job.columns, job.label, job.threads)
    answers = predictor.predict([batch.column(place) for place in job.places])
    names = [*batch.schema.names[: job.kept], *(field.name for field in _answer_fields(job.label))]
    return pa.RecordBatch.from_arrays([*batch.columns[: job.kept], *answers], names)


def _handed_column(opened: NewRows, column: RawColumn) -> str:
    """The column that holds a model's input: the kept one, where typing it changes nothing."""
    raw, plain = opened.raw, DoubleType() if column.type == "number" else StringType()
    unchanged = raw.kind(column.name) == plain and (column.type == "number" or not raw.markers)
    if unchanged and column.name in opened.output.kept:
        return kept_column(opened.output.kept.index(column.name))
    return opened.columns[column.name]


@contextmanager
def batches_of(spark: SparkSession, rows: int) -> Iterator[None]:
    """Rows go to Python in batches of this size, for the queries that are started in the block."""
    before = spark.conf.get(BATCH_ROWS)
    spark.conf.set(BATCH_ROWS, str(rows))
    try:
        yield
    finally:
        spark.conf.set(BATCH_ROWS, before or "10000")


def _answer_fields(label: LabelSpec) -> list[StructField]:
    texts = 0 if label.task is Task.REGRESSION else 1
    kinds: list[DataType] = [StringType()] * texts + [DoubleType()] * (len(label.answers) - texts)
    return [StructField(f"a{i}", kind) for i, kind in enumerate(kinds)]


def _check_types(schema: StructType, output: OutputColumns) -> None:
    problems = []
    for name, field in zip(output.kept, schema.fields, strict=False):
        try:
            to_arrow_type(field.dataType)
        except PySparkException:
            kind = field.dataType.simpleString()
            problems.append(Problem(f"Column '{name}' has a type that cannot be handed on", received=kind))
    if problems:
        raise DataError(gather("Some columns cannot be kept; name the others in score.keep", problems))
