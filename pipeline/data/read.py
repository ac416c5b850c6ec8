"""Sources as rows: only the columns that are asked for, under safe names, nothing guessed and nothing dropped.

Text formats are read as text and typed later (see `table.py`), so that a value that cannot be typed is a counted
bad row and never a silent null. A column's name may hold anything (dots, spaces, backticks); it is therefore
replaced by `r0, r1, ...` at once and comes back when rows are written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import DataType, StringType, StructField, StructType

from pipeline.config.source import SourceConfig
from pipeline.data.files import read_head
from pipeline.data.header import Header, parse_header
from pipeline.data.source import Source
from pipeline.errors import DataError
from pipeline.runtime.spark_errors import explain_spark_error

MALFORMED = "__malformed"
"""The text of a line with too few or too many fields, or that is no JSON object; null for a good line."""

_OPENINGS = ("{", "[", "[{")
"""The first line of JSON that is laid out over several lines."""

SEPARATORS = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True)
class RawTable:
    """Some columns of a source, as they are there.

    Attributes:
        rows: one column `r<i>` for each name, and `MALFORMED` where the format can have malformed lines.
        names: of the columns in the source.
        markers: texts that mean null.
    """

    rows: DataFrame
    names: tuple[str, ...]
    markers: tuple[str, ...] = ()

    def column(self, name: str) -> str:
        """The safe name of a column."""
        return f"r{self.names.index(name)}"

    def kind(self, name: str) -> DataType:
        """The type of a column."""
        return self.rows.schema[self.column(name)].dataType

    @property
    def has_lines(self) -> bool:
        """Whether lines may be malformed."""
        return MALFORMED in self.rows.columns


CheckNames = Callable[[Sequence[str]], None]
"""Raises where the names that a source has are not what the configuration asks for."""


def read_table(
    spark: SparkSession, source: Source, config: SourceConfig, *, wanted: Sequence[str], check: CheckNames
) -> RawTable:
    """Read some columns of a source, lazily.

    Args:
        spark: the session.
        source: its files.
        config: how to read them.
        wanted: the columns.
        check: called with the names that are there, before the first row is read.

    Raises:
        DataError: the source cannot be read, or `check` says so.
    """
    match source.format:
        case "csv" | "tsv":
            return _read_delimited(spark, source, config, wanted=wanted, check=check)
        case "json":
            return _read_json(spark, source, wanted=wanted, check=check)
    return _read_parquet(spark, source, wanted=wanted, check=check)


def _read_delimited(
    spark: SparkSession, source: Source, config: SourceConfig, *, wanted: Sequence[str], check: CheckNames
) -> RawTable:
    separator = config.separator or SEPARATORS[source.format]
    header = _common_header(spark, source, separator)
    check(header.names)
    names = _field_names(header)
    reader = spark.read.schema(_text_schema([*names, MALFORMED])).options(
        # R's header is shorter than the lines below; it is dropped as the malformed line that it is for Spark.
        header=not header.unnamed,
        sep=separator,
        quote='"',
        escape='"',
        multiLine=config.multiline,
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=MALFORMED,
        # Parsing only some fields would hide that a line has too few or too many.
        columnPruning=False,
        maxColumns=max(20_480, header.fields + 1),
    )
    rows = reader.csv(_literal(source.location))
    if header.unnamed:
        line = F.btrim(MALFORMED, F.lit("\ufeff\r\n"))
        rows = rows.where(F.col(MALFORMED).isNull() | (line != F.lit(header.text)))
    columns = [F.col(quoted(names[header.index(name)])) for name in wanted]
    return RawTable(_renamed(rows, columns, lines=True), tuple(wanted), (*config.null_values, ""))


def _field_names(header: Header) -> list[str]:
    """Names of all fields: the header's own where Spark can tell them apart (it warns of any others), else numbers."""
    folded = {name.lower() for name in header.names if name}
    if len(folded) == len(header.names) and not header.unnamed:
        return list(header.names)
    return [f"f{i}" for i in range(header.fields)]


def _text_schema(names: Sequence[str]) -> StructType:
    return StructType([StructField(name, StringType()) for name in names])


def _common_header(spark: SparkSession, source: Source, separator: str) -> Header:
    """The header that all files share."""
    filled = [file for file in source.files if file.bytes]
    headers = [parse_header(read_head(spark, file), separator, file.name) for file in filled]
    for file, header in zip(filled, headers, strict=True):
        if header.names != headers[0].names:
            raise DataError(
                f"File '{file.name}' has other columns than '{filled[0].name}'. "
                f"Allowed: {', '.join(headers[0].names)}. Received: {', '.join(header.names)}."
            )
    return headers[0]


def _read_json(spark: SparkSession, source: Source, *, wanted: Sequence[str], check: CheckNames) -> RawTable:
    location = _literal(source.location)
    filled = next(file for file in source.files if file.bytes)
    lines = _first_lines(read_head(spark, filled))
    names = _json_names(lines)
    if not set(wanted) <= names:
        # A key may be left out where its value is null, so only a look at every line tells that it is nowhere.
        names |= set(spark.read.json(location, columnNameOfCorruptRecord=MALFORMED).columns) - {MALFORMED}
    if not names or (lines and lines[0] in _OPENINGS):
        raise DataError(
            f"Source '{source.location}' is not JSON with one object a line. "
            f"Received: file '{filled.name}', which begins with '{lines[0][:80] if lines else ''}'. "
            "Write it without line breaks inside of objects, and without brackets around all of them."
        )
    check(sorted(names))
    reader = spark.read.schema(_text_schema([*wanted, MALFORMED]))
    rows = reader.json(location, mode="PERMISSIVE", columnNameOfCorruptRecord=MALFORMED)
    return RawTable(_renamed(rows, [F.col(quoted(name)) for name in wanted], lines=True), tuple(wanted))


def _first_lines(head: bytes) -> list[str]:
    """Up to 1000 lines that are not blank."""
    lines = (line.strip() for line in head.decode("utf-8-sig", "replace").split("\n")[:1000])
    return [line for line in lines if line]


def _json_names(lines: Sequence[str]) -> set[str]:
    """The keys in some lines; a line that cannot be parsed is found later, by Spark."""
    names: set[str] = set()
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:
            continue
        names |= set(content) if isinstance(content, dict) else set()
    return names


def _read_parquet(spark: SparkSession, source: Source, *, wanted: Sequence[str], check: CheckNames) -> RawTable:
    try:
        rows = spark.read.parquet(_literal(source.location))
    except (PySparkException, Py4JJavaError) as error:
        reason = explain_spark_error(error)
        raise DataError(f"Source '{source.location}' cannot be read as Parquet. {reason}") from error
    check(rows.columns)
    return RawTable(_renamed(rows, [F.col(quoted(name)) for name in wanted], lines=False), tuple(wanted))


def _renamed(rows: DataFrame, columns: Sequence[Column], *, lines: bool) -> DataFrame:
    safe = [column.alias(f"r{i}") for i, column in enumerate(columns)]
    return rows.select(*safe, *([F.col(MALFORMED)] if lines else []))


def quoted(name: str) -> str:
    """A column name that Spark takes as it is, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def _literal(location: str) -> str:
    """The path with signs that Spark would take for a pattern escaped."""
    return "".join(f"\\{sign}" if sign in "{}[]*?\\" else sign for sign in location)
