"""Columns with one value in each file: those of folders named COLUMN=VALUE, and partition columns of a Delta log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from pipeline.errors import DataError
from pipeline.preparation.listing.catalog import elements
from pipeline.preparation.listing.column_folders import ColumnFolders
from pipeline.preparation.listing.hadoop_files import java_path
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.raw import arrow_type
from pipeline.sources.decoding.typed import is_exact

NULL = "__HIVE_DEFAULT_PARTITION__"

_PADDED = re.compile("[+-]?0[0-9]+")
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class FileValues:
    """Columns with one value in each file; plain data, sent to the tasks.

    Attributes:
        columns: a row for each set of values that files share.
        rows: the index of each file's row, by URI.
    """

    columns: pa.RecordBatch
    rows: Mapping[str, int]

    @property
    def kinds(self) -> dict[str, pa.DataType]:
        """The types of the columns."""
        return {field.name: field.type for field in self.columns.schema}

    def filled(self, batches: Iterator[pa.RecordBatch], uri: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Batches of a file, extended by these columns and arranged in the order of `names`."""
        own_names = [name for name in names if name not in self.columns.schema.names]
        for batch in batches:
            columns = dict(zip(own_names, batch.columns[: len(own_names)], strict=True)) | self._repeated(
                uri, len(batch)
            )
            yield pa.RecordBatch.from_arrays([columns[name] for name in names], [*names])

    def _repeated(self, uri: str, count: int) -> dict[str, pa.Array]:
        rows = pa.array([self.rows[uri]], pa.int64()).take(pa.array([0] * count, pa.int64()))
        return {name: self.columns.column(name).take(rows) for name in self.columns.schema.names}


def spelled_folders(spark: SparkSession, source: Source) -> tuple[str, ...]:
    """Columns of COLUMN=VALUE folders that are text, since the type that Spark infers would lose their spelling."""
    if source.folders is None:
        return ()
    folder_numbers, _ = _by_folder(source, source.folders)
    try:
        _, values = _inferred(spark, [*folder_numbers], source.folders)
    except Py4JError:
        return ()
    return tuple(_spelled(source.folders, [*folder_numbers], values))


def text_values(source: Source) -> FileValues | None:
    """The values of COLUMN=VALUE folders as texts; None without such folders.

    Raises:
        DataError: a folder has no value.
    """
    folders = source.folders
    if folders is None:
        return None
    folder_numbers, rows = _by_folder(source, folders)
    texts = [
        [None if raw == NULL else _unescaped(raw) for raw in _raw_values(path, folders)] for path in folder_numbers
    ]
    columns = [pa.array(column, pa.string()) for column in zip(*texts, strict=True)]
    return FileValues(pa.RecordBatch.from_arrays(columns, [*folders.names]), rows)


def typed_values(spark: SparkSession, source: Source) -> FileValues | str | None:
    """The values of COLUMN=VALUE folders in the types that Spark infers from all of them; None without such folders.

    A column is text where its type would lose the spelling of a value: `zone=01`, or `v=1.5` beside `v=1.50`.

    Returns:
        The values, or the reason why only Spark can read them.

    Raises:
        DataError: a folder has no value.
    """
    if source.folders is None:
        return None
    folder_numbers, rows = _by_folder(source, source.folders)
    try:
        schema, values = _inferred(spark, [*folder_numbers], source.folders)
    except Py4JError:
        return "this version of Spark does not give the types of folder columns"
    spelled = _spelled(source.folders, [*folder_numbers], values)
    kinds = {
        field.name: pa.string() if field.name in spelled else arrow_type(field.dataType) for field in schema.fields
    }
    odd = next((name for name, kind in kinds.items() if not is_exact(kind)), None)
    if odd is not None:
        return f"the values of folders '{odd}=' are {schema[odd].dataType.simpleString()}"
    columns = [
        pa.array(spelled[name], kind) if name in spelled else _array([row[index] for row in values], kind)
        for index, (name, kind) in enumerate(kinds.items())
    ]
    return FileValues(pa.RecordBatch.from_arrays(columns, [*kinds]), rows)


def _by_folder(source: Source, folders: ColumnFolders) -> tuple[dict[str, int], dict[str, int]]:
    """Number the folders that have files; returns the number of each folder, and of each file's folder by URI."""
    folder_numbers: dict[str, int] = {}
    rows = {
        file.uri: folder_numbers.setdefault(file.uri.rpartition("/")[0], len(folder_numbers)) for file in source.files
    }
    empty = next((path for path in folder_numbers if not all(_raw_values(path, folders))), None)
    if empty is not None:
        raise DataError(f"Folder '{empty}' of source '{source.location}' has no value after its '='. Rename it.")
    return folder_numbers, rows


def _spelled(
    folders: ColumnFolders, paths: Sequence[str], values: Sequence[Sequence[Any]]
) -> dict[str, list[str | None]]:
    """The texts of the columns whose inferred values lose a leading zero, or are the same for two texts."""
    texts = [[None if raw == NULL else _unescaped(raw) for raw in _raw_values(path, folders)] for path in paths]
    spelled: dict[str, list[str | None]] = {}
    for index, name in enumerate(folders.names):
        column = [row[index] for row in texts]
        pairs = {(text, str(row[index])) for text, row in zip(column, values, strict=True) if text is not None}
        is_padded = any(_PADDED.fullmatch(text) for text, value in pairs if text != value)
        if is_padded or len({value for _, value in pairs}) < len(pairs):
            spelled[name] = column
    return spelled


def _raw_values(path: str, folders: ColumnFolders) -> list[str]:
    return [part.partition("=")[2] for part in path.split("/")[-len(folders.names) :]]


def _unescaped(raw: str) -> str:
    """Unescape as Spark does: each escape is one character, independent of its neighbours."""
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), raw)


def _inferred(spark: SparkSession, paths: Sequence[str], folders: ColumnFolders) -> tuple[StructType, list[list[Any]]]:
    """Types and values, in the order of the paths, as Spark infers them from the paths alone."""
    jvm: Any = spark._jvm
    sequence = jvm.PythonUtils.toSeq([java_path(spark, path) for path in paths])
    above = jvm.PythonUtils.toSeq([java_path(spark, folders.above)]).toSet()
    conf = spark._jsparkSession.sessionState().conf()
    utilities = getattr(getattr(jvm.org.apache.spark.sql.execution.datasources, "PartitioningUtils$"), "MODULE$")
    settings = (
        conf.partitionColumnTypeInferenceEnabled(),
        above,
        jvm.scala.Option.empty(),
        conf.caseSensitiveAnalysis(),
        conf.validatePartitionColumns(),
        conf.sessionLocalTimeZone(),
    )
    try:
        partitions = utilities.parsePartitions(sequence, *settings, False)
    except Py4JError:
        # Spark 4.0 lacks the last argument, whether to ignore folders with other names.
        partitions = utilities.parsePartitions(sequence, *settings)
    schema = partitions.partitionColumns()
    values = {
        part.path().toString(): [*elements(part.values().toSeq(schema))] for part in elements(partitions.partitions())
    }
    return StructType.fromJson(json.loads(schema.json())), [values[java_path(spark, path).toString()] for path in paths]


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Convert Spark's internal values: dates and timestamps are integers, decimals and texts Java objects."""
    if pa.types.is_decimal(kind):
        return pa.array([None if value is None else Decimal(str(value)) for value in values], kind)
    if pa.types.is_string(kind):
        return pa.array([None if value is None else str(value) for value in values], kind)
    kept = pa.int32() if pa.types.is_date32(kind) else pa.int64() if pa.types.is_timestamp(kind) else kind
    return pa.array(values, kept).cast(kind)
