"""Rows through the model, batch by batch, in Spark's Python workers.

What is in memory of a task at once is a few batches, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import DataFrame, Observation, SparkSession

from pipeline.contract.document import Document
from pipeline.contract.features import RawColumn
from pipeline.contract.label import LabelSpec, Task
from pipeline.data.rows import Mask
from pipeline.data.scan import Batches
from pipeline.errors import DataError, Problem, gather
from pipeline.runtime.quiet import import_quietly
from pipeline.score.columns import OutputColumns
from pipeline.score.rows import NewRows, RowProgram
from pipeline.store.bundle import Bundle

BATCH_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"

_BAD = "bad"


class BatchJob(Document):
    """What every task needs to know.

    Attributes:
        file: URI of the Keras file.
        sha256: of that file.
        columns: the model's inputs.
        kept: the columns of the source that go on.
        label: what the model answers.
        threads: cores of a task.
    """

    file: str
    sha256: str
    columns: tuple[RawColumn, ...]
    kept: tuple[str, ...]
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
    output, program, spark = opened.output, opened.program, opened.scan.spark
    job = BatchJob(
        file=bundle.file.uri,
        sha256=bundle.card.sha256,
        columns=bundle.features.raw,
        kept=output.kept,
        label=bundle.features.label,
        threads=int(spark.conf.get("spark.task.cpus", "1") or 1),
    )
    schema = _schema(program, output, job.label)
    scored = opened.scan.mapped(lambda _, batches: score_batches(batches, program, job, schema), schema)
    counts = (F.count(F.lit(1)).alias("rows"), F.count_if(F.col(_BAD)).alias("bad"))
    named = [F.col(f"c{place}").alias(name) for place, name in enumerate(output.names[:-1])]
    good = scored.observe(seen, *counts).where(~F.col(_BAD))
    return good.select(*named, F.lit(version).alias(output.version))


def score_batches(batches: Batches, program: RowProgram, job: BatchJob, schema: pa.Schema) -> Batches:
    """In a worker: kept columns and answers; a row that cannot be scored has none."""
    for batch in batches:
        rows, bad = program.rows(batch)
        good = pa.array(~bad)
        module = import_quietly("pipeline.score.predictor")
        predictor = module.load_predictor(job.file, job.sha256, job.columns, job.label, job.threads)
        answers = predictor.predict([rows.values[column.name].filter(good) for column in job.columns])
        kept = [batch.column(program.inputs.raw.names.index(name)) for name in job.kept]
        columns = [*kept, *(_spread(answer, bad) for answer in answers), pa.array(bad)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _spread(answers: pa.Array, bad: Mask) -> pa.Array:
    """The answers of good rows, null in the bad ones."""
    if not bad.any():
        return answers
    return answers.take(pa.array(np.cumsum(~bad) - 1, mask=bad))


@contextmanager
def batches_of(spark: SparkSession, rows: int) -> Iterator[None]:
    """Rows go to Python in batches of this size, for the queries that are started in the block."""
    before = spark.conf.get(BATCH_ROWS)
    spark.conf.set(BATCH_ROWS, str(rows))
    try:
        yield
    finally:
        spark.conf.set(BATCH_ROWS, before or "10000")


def _schema(program: RowProgram, output: OutputColumns, label: LabelSpec) -> pa.Schema:
    kinds = [program.inputs.raw.kinds[name] for name in output.kept]
    problems = [
        Problem(f"Column '{name}' has a type that cannot be handed on")
        for name, kind in zip(output.kept, kinds, strict=True)
        if pa.types.is_null(kind)
    ]
    if problems:
        raise DataError(gather("Some columns cannot be kept; name the others in score.keep", problems))
    texts = 0 if label.task is Task.REGRESSION else 1
    kinds += [pa.string()] * texts + [pa.float64()] * (len(label.answers) - texts)
    return pa.schema([*((f"c{place}", kind) for place, kind in enumerate(kinds)), (_BAD, pa.bool_())])
