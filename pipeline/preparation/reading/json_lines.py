"""JSON: an object a line, or objects in an array or over several lines; all values as text.

Values in nested objects have columns of their own, `a.b`; objects themselves, and lists, are texts of JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import Column, SparkSession
from pyspark.sql.types import StructType

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.catalog import quoted
from pipeline.preparation.listing.files import SourceFile, escaped
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.folder_values import text_values
from pipeline.preparation.reading.json_layout import HeadOfJson, head_of
from pipeline.preparation.reading.piece_scan import LineReader, PieceScan, filling, text_tasks
from pipeline.preparation.reading.raw import RawTable, SourceTable, frame_table, text_columns
from pipeline.preparation.reading.scan import collect_parts
from pipeline.preparation.reading.source_reader import SourceReader
from pipeline.preparation.reading.text_columns import folder_columns, text_schema
from pipeline.sources.decoding.json_lines import key_names, plan_pieces, read_piece
from pipeline.sources.decoding.json_nested import Path, name_of, nested_paths, with_paths
from pipeline.sources.decoding.line_numbers import LINE, count_lines
from pipeline.sources.decoding.pieces import MALFORMED, Piece, Tasks
from pipeline.sources.decoding.streams import OpenFile

_PATHS = pa.schema([("path", pa.list_(pa.string()))])


def json_table(spark: SparkSession, source: Source, _: SourceConfig) -> SourceTable:
    """The columns that occur in the first lines of the first file.

    A key may be omitted where its value is null, so only `SourceTable.scan`, which reads every line, knows all columns.

    Raises:
        DataError: the first file does not begin with objects.
    """
    file, reader = next(file for file in source.files if file.bytes), SourceReader.of(spark, source)
    head = head_of(reader.read_head(spark, file))
    if head.is_column_wise:
        raise _not_json(source, file, head)
    if head.elements and not head.is_array and not reader.by_tasks:
        raise DataError(
            f"Source '{source.location}' has objects over several lines, of which Spark reads only the first one, and "
            f"{reader.reason}. Write an object a line, or an array of objects."
        )
    files = JsonFiles(spark, source, reader, elements=head.elements)

    def scan() -> SourceTable:
        folders = () if source.folders is None else source.folders.names
        late = [path for path in files.all_paths() if path[0] not in (MALFORMED, *folders)]
        paths = list(dict.fromkeys((*head.paths, *late)))
        if not paths:
            raise _not_json(source, file, head)
        return files.table(paths)

    if not head.paths:
        return scan()
    return replace(files.table(head.paths), scan=scan)


def _not_json(source: Source, file: SourceFile, head: HeadOfJson) -> DataError:
    if head.is_column_wise:
        return DataError(
            f"File '{file.name}' of source '{source.location}' holds one object with a whole table, column by column. "
            "Allowed: an object for each row. In pandas: df.to_json(path, orient='records', lines=True)."
        )
    return DataError(
        f"Source '{source.location}' is not JSON with an object for each row. "
        f"Received: file '{file.name}', which begins with '{head.beginning}'. "
        "Allowed: an object a line, or an array of objects."
    )


@dataclass(frozen=True)
class JsonFiles:
    """The files of a source.

    Attributes:
        spark: the session.
        source: the source.
        reader: who reads the files.
        elements: whether objects are in an array, or have line breaks in them.
    """

    spark: SparkSession
    source: Source
    reader: SourceReader
    elements: bool

    def table(self, paths: Sequence[Path]) -> SourceTable:
        """The table with the values at some paths."""
        by_name: dict[str, Path] = {}
        for path in sorted(paths, key=len):  # a key with a dot in it comes before a path of the same name
            by_name.setdefault(name_of(path), path)
        ordered = {name_of(path): by_name[name_of(path)] for path in paths}
        objects = {name_of(path[:end]) for path in paths for end in range(1, len(path))}
        every = (*ordered, *folder_columns(self.source, [*ordered]))

        def read(wanted: Sequence[str]) -> RawTable:
            return self._rows(wanted, ordered)

        kinds = dict.fromkeys(every, pa.string())
        return SourceTable(every, kinds, is_text=True, reader=read, objects=frozenset(objects))

    def _rows(self, wanted: Sequence[str], paths: Mapping[str, Path]) -> RawTable:
        columns = text_columns(wanted, is_json=True)
        if not self.reader.by_tasks:
            names = list(dict.fromkeys(paths[name][0] if name in paths else name for name in wanted))
            frames = self.spark.read.schema(text_schema([*names, MALFORMED])).options(**self._options)
            chosen = [_spark_column(paths.get(name, (name,))) for name in wanted]
            return frame_table(frames.json(self._paths), chosen, columns)
        values = text_values(self.source)
        own = [paths[name] for name in wanted if values is None or name not in values.kinds]
        read = partial(_read_piece, self.reader.open_file, own, self.elements)
        numbered = filling(values, (*wanted, MALFORMED, LINE), partial(read, numbered=True))
        lines = None if self.elements else LineReader(numbered, partial(count_lines, self.reader.open_file))
        return RawTable(
            columns, PieceScan(self.spark, self._tasks(), filling(values, (*wanted, MALFORMED), read), lines=lines)
        )

    def _tasks(self) -> Tasks:
        files = [(file.uri, file.name, file.bytes) for file in self.source.files]
        return text_tasks(plan_pieces(files, whole=self.elements), self.source.files)

    def all_paths(self) -> list[Path]:
        """The paths of all values, and of the objects on the way, sorted."""
        if not self.reader.by_tasks:
            schema = self.spark.read.options(**self._options).json(self._paths).schema
            return list(_struct_paths(schema))
        scan = PieceScan(self.spark, self._tasks(), partial(_paths_of_piece, self.reader.open_file, self.elements))
        tables = collect_parts(scan, lambda batches: {"paths": pa.Table.from_batches(batches, _PATHS)}).get("paths", [])
        found = {tuple(path) for part in tables for path in part["path"].to_pylist()}
        return sorted(path for path in found if all(path))

    @property
    def _options(self) -> dict[str, str]:
        options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": MALFORMED, "multiLine": str(self.elements)}
        folders = self.source.folders
        return options if folders is None else {**options, "basePath": folders.above}

    @property
    def _paths(self) -> list[str]:
        return [escaped(path) for path in self.source.paths]


def _read_piece(
    open_file: OpenFile, paths: Sequence[Path], elements: bool, piece: Piece, *, numbered: bool = False
) -> Iterator[pa.RecordBatch]:
    names = tuple(dict.fromkeys(path[0] for path in paths))
    batches = read_piece(open_file, piece, names, elements=elements, numbered=numbered)
    return batches if all(len(path) == 1 for path in paths) else with_paths(batches, names, paths)


def _paths_of_piece(open_file: OpenFile, elements: bool, piece: Piece) -> Iterator[pa.RecordBatch]:
    names = key_names(open_file, piece, elements=elements)
    paths: dict[Path, None] = {(name,): None for name in names}
    for batch in read_piece(open_file, piece, names, elements=elements):
        for name, texts in zip(names, batch.columns, strict=False):
            paths |= {(name, *path): None for path in nested_paths(texts)}
    yield pa.record_batch([pa.array([list(path) for path in paths], _PATHS.field(0).type)], schema=_PATHS)


def _spark_column(path: Path) -> Column:
    outermost = F.col(quoted(path[0]))
    inner = "".join(f"['{name}']" for name in path[1:])
    return F.get_json_object(outermost, f"${inner}") if inner else outermost


def _struct_paths(schema: StructType) -> Iterator[Path]:
    for field in schema.fields:
        yield (field.name,)
        if isinstance(field.dataType, StructType):
            yield from ((field.name, *path) for path in _struct_paths(field.dataType))
