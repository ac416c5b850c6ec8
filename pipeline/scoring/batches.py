"""Scores rows batch by batch in Spark's Python workers, which also write the output.

A task holds a few batches in memory, however many rows there are. A task that is retried, or that runs twice, writes a
file with a new name; only the files of the tasks that Spark counts are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError, Problem, gather
from pipeline.kinds.fitted_features import RawColumn
from pipeline.preparation.reading.scan import Batches, gathered
from pipeline.registry import imported_modules
from pipeline.runtime.quiet import import_quietly
from pipeline.schemas.label import LabelSpec
from pipeline.scoring.columns import OutputColumns
from pipeline.scoring.rows import NewRows, RowProgram
from pipeline.store import filesystem as files
from pipeline.store.bundle import Bundle
from pipeline.store.filesystem import StoragePath, storage_path

GROUP_ROWS = 1 << 17
"""Rows of a row group of the output."""

_WRITTEN = pa.schema([("path", pa.string()), ("rows", pa.int64()), ("bad", pa.int64())])


@dataclass(frozen=True)
class ScoreJob:
    """The job of every task, as plain data.

    Attributes:
        program: types rows and finds their errors.
        file: URI of the Keras file.
        sha256: SHA-256 of that file.
        columns: the model's inputs.
        kept: the columns of the source that the output keeps.
        label: the label that the model predicts.
        version: the value of the column with the model's version.
        schema: the schema of the output.
        batch_rows: the most rows that the model scores at a time.
        threads: the number of cores of a task.
        modules: top-level modules whose registered classes the model may have.
    """

    program: RowProgram
    file: str
    sha256: str
    columns: tuple[RawColumn, ...]
    kept: tuple[str, ...]
    label: LabelSpec
    version: str
    schema: pa.Schema
    batch_rows: int
    threads: int
    modules: tuple[str, ...]

    def scored(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
        """The output of the rows of a batch that can be scored, and how many cannot."""
        rows, bad = self.program.rows(batch)
        good = pa.array(~bad)
        # TensorFlow is imported by the first task of a worker.
        module = import_quietly("pipeline.scoring.predictor")
        predictor = module.load_predictor(self.file, self.sha256, self.columns, self.label, self.threads, self.modules)
        predictions = predictor.predict([rows.values[column.name].filter(good) for column in self.columns])
        by_name = dict(zip(self.program.inputs.raw.names, batch.columns, strict=False))
        kept = [by_name[name].filter(good) for name in self.kept]
        version = pa.repeat(self.version, len(batch) - int(bad.sum()))
        return pa.RecordBatch.from_arrays([*kept, *predictions, version], schema=self.schema), int(bad.sum())


def score_job(opened: NewRows, bundle: Bundle, version: str, batch_rows: int) -> ScoreJob:
    """The job of the tasks.

    Raises:
        DataError: a kept column has a type that cannot be written.
    """
    output, features = opened.output, bundle.features
    return ScoreJob(
        program=opened.program,
        file=bundle.file.uri,
        sha256=bundle.card.sha256,
        columns=features.raw,
        kept=output.kept,
        label=features.label,
        version=version,
        schema=_schema(opened.program, output, features.label),
        batch_rows=batch_rows,
        threads=int(opened.scan.spark.conf.get("spark.task.cpus", "1") or 1),
        modules=tuple(sorted(imported_modules())),
    )


@dataclass(frozen=True)
class Written:
    """The written output: rows of the source, rows that could not be scored, and the names of the files."""

    total: int
    bad: int
    names: tuple[str, ...]


def write_scored(opened: NewRows, job: ScoreJob, target: StoragePath, prefix: str) -> Written:
    """Score all rows, and write those that can be scored as Parquet into a folder, in files with a prefix."""
    folder = target.uri
    mapped = opened.scan.mapped(lambda piece, batches: _write_piece(piece, batches, job, folder, prefix), _WRITTEN)
    summary = mapped.toArrow()
    written = [path for path in summary["path"].to_pylist() if path]
    for name in files.list_files(target):
        if name.startswith(prefix) and name not in written:
            files.remove_file(target.child(name))
    if not written:
        written = [f"{prefix}-00000.parquet"]
        with _writer(target.child(written[0]), job.schema) as writer:
            writer.write_table(job.schema.empty_table())
    good, bad = (sum(summary[name].to_pylist()) for name in ("rows", "bad"))
    return Written(good + bad, bad, tuple(written))


def _write_piece(piece: int, batches: Batches, job: ScoreJob, folder: str, prefix: str) -> Batches:
    """Write the file of a piece, in a task; none if no row can be scored."""
    bad, rows = 0, 0
    path = f"{prefix}-{piece:05d}-{uuid4().hex}.parquet"

    def scored() -> Iterator[pa.RecordBatch]:
        nonlocal bad
        for batch in batches:
            for start in range(0, len(batch), job.batch_rows):
                scored_rows, bad_rows = job.scored(batch.slice(start, job.batch_rows))
                bad += bad_rows
                yield scored_rows

    groups = gathered(filter(len, scored()), len, GROUP_ROWS)
    first = next(groups, None)
    if first is not None:
        with _writer(storage_path(folder).child(path), job.schema) as writer:
            for group in map(pa.Table.from_batches, chain([first], groups)):
                writer.write_table(group)
                rows += len(group)
    yield pa.RecordBatch.from_pylist([{"path": path if rows else None, "rows": rows, "bad": bad}], schema=_WRITTEN)


def _writer(file: StoragePath, schema: pa.Schema) -> pq.ParquetWriter:
    files.make_folder(file.folder)
    return pq.ParquetWriter(file.path, schema, filesystem=file.filesystem, compression="snappy")


def _schema(program: RowProgram, output: OutputColumns, label: LabelSpec) -> pa.Schema:
    kinds = [program.inputs.raw.kinds[name] for name in output.kept]
    problems = [
        Problem(f"Column '{name}' has a type that cannot be written")
        for name, kind in zip(output.kept, kinds, strict=True)
        if pa.types.is_null(kind)
    ]
    if problems:
        raise DataError(gather("Some columns cannot be kept; name the others in score.keep", problems))
    texts = 1 if label.classes else 0
    kinds += [pa.string()] * texts + [pa.float64()] * (len(label.prediction_columns) - texts) + [pa.string()]
    return pa.schema([*zip(output.names, kinds, strict=True)])
