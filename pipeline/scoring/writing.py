"""The files of an output: Parquet, CSV, or a Delta table, which is Parquet with a log."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.errors import PlatformError
from pipeline.preparation.listing.catalog import quoted
from pipeline.preparation.listing.delta_log import SPARK_SETTINGS, spark_reads_delta
from pipeline.preparation.reading.part_files import ended_or_gone, new_name, read_parts
from pipeline.preparation.reading.scan import partition_number
from pipeline.scoring.draft import OutputDraft
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path

RFC_4180 = {"escape": '"', "ignoreLeadingWhiteSpace": "false", "ignoreTrailingWhiteSpace": "false"}
"""Spark's own defaults escape quotes by backslashes and strip spaces."""

FORMULA = r"^[=+\-@\t\r\n]"
"""How a text begins that a spreadsheet takes for a formula."""

_WRITTEN = pa.schema([("name", pa.string())])


def check_format(spark: SparkSession, output: StoragePath, format: str) -> None:
    """Check that a format can be written here.

    Raises:
        PlatformError: it is Delta, and no library that is installed here writes it.
    """
    if format != "delta" or (spark_reads_delta(spark) and output.renames_folders):
        return
    if not output.renames_folders:
        raise PlatformError(
            f"The Delta table '{output}' cannot be written, since it is in an object store. Set score.format: "
            "parquet or csv, or score.output to a folder, also a mounted one."
        )
    if find_spec("deltalake") is None or not output.is_local:
        raise PlatformError(
            f"The Delta table '{output}' cannot be written, since no library for it is installed. Set score.format: "
            f"parquet; or give Spark Delta's jar: {SPARK_SETTINGS}; or, for a local path, pip install "
            "'spark-keras-pipeline[delta]'."
        )


def convert(
    spark: SparkSession,
    names: Sequence[str],
    schema: pa.Schema,
    draft: OutputDraft,
    format: str,
    *,
    escape_formulas: bool = False,
) -> tuple[str, ...]:
    """Convert Parquet files of a draft to the requested format.

    Args:
        spark: the session.
        names: the names of the files, in `draft.rows` if the format is Parquet, else in `draft.parts`.
        schema: the schema of the files.
        draft: the output.
        format: the requested format.
        escape_formulas: whether texts of a CSV file that a spreadsheet would compute get a `'` in front.

    Returns:
        The names of the output's files; empty where a folder is published as a whole.
    """
    if format == "delta":
        files.move(draft.parts, draft.rows)
        _make_delta(spark, draft.rows)
    if format != "csv":
        return tuple(names)
    if draft.rows.renames_folders:
        rows = spark.read.parquet(draft.parts.uri)
        rows = escaped_texts(rows) if escape_formulas else rows
        rows.write.options(header=True, **RFC_4180).csv(draft.rows.uri)
        return ()
    rows = read_parts(spark, draft.parts, schema, names)
    rows = escaped_texts(rows) if escape_formulas else rows
    return tuple(write_csv(rows, draft.rows, draft.prefix))


def escaped_texts(rows: DataFrame) -> DataFrame:
    """The rows; texts that a spreadsheet would take for formulas begin with `'`."""
    texts = {name: F.col(quoted(name)) for name, kind in rows.dtypes if kind == "string"}
    escaped = {name: F.when(text.rlike(FORMULA), F.concat(F.lit("'"), text)) for name, text in texts.items()}
    return rows.withColumns({name: escaped[name].otherwise(text) for name, text in texts.items()})


def write_csv(rows: DataFrame, target: StoragePath, prefix: str) -> list[str]:
    """Write CSV as Spark does, by tasks: a file for each partition. Only the files whose names are returned count."""
    lines = rows.select(F.to_csv(F.struct(*(F.col(quoted(name)) for name in rows.columns)), RFC_4180).alias("line"))
    header, folder = _header(rows.columns), target.uri

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        name = new_name(prefix, partition_number(), "csv")
        written = (f"{line}\n".encode() for batch in batches for line in batch["line"].to_pylist())
        file = storage_path(folder).child(name)
        with ended_or_gone(file), file.filesystem.open_output_stream(file.path, compression=None) as stream:
            stream.write(header)
            stream.writelines(written)
        yield pa.RecordBatch.from_pylist([{"name": name}], schema=_WRITTEN)

    names: list[str] = lines.mapInArrow(write, from_arrow_schema(_WRITTEN)).toArrow()["name"].to_pylist()
    return sorted(names)


def _header(names: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().encode()


def _make_delta(spark: SparkSession, folder: StoragePath) -> None:
    """Give a folder of Parquet files the log of a Delta table; paths in it are relative, so the folder may move."""
    if spark_reads_delta(spark):
        spark.sql(f"CONVERT TO DELTA parquet.{quoted(folder.uri)}")
        return
    from deltalake import convert_to_deltalake

    convert_to_deltalake(folder.path)
