"""CSV and TSV: all fields as text; lines with too few or too many fields, or with no valid text, are malformed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.formatting import counted
from pipeline.preparation.listing.catalog import quoted
from pipeline.preparation.listing.files import escaped
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.folder_values import text_values
from pipeline.preparation.reading.piece_scan import LineReader, PieceScan, filling, text_tasks
from pipeline.preparation.reading.raw import NumberSigns, RawTable, SourceTable, frame_table, text_columns
from pipeline.preparation.reading.source_reader import SourceReader
from pipeline.preparation.reading.text_columns import folder_columns, text_schema
from pipeline.schemas.text_reading import TextReading
from pipeline.sources.decoding.batches import NumberFields
from pipeline.sources.decoding.decoding import REPLACEMENT
from pipeline.sources.decoding.delimited import DelimitedFormat, plan_pieces, read_piece
from pipeline.sources.decoding.header import Dialect, Header, headless, looks_like_data, parse_header
from pipeline.sources.decoding.line_numbers import LINE, count_lines
from pipeline.sources.decoding.pieces import MALFORMED, Piece
from pipeline.sources.decoding.streams import OpenFile

log = logging.getLogger(__name__)

SHOWN_CHARACTERS = 120
SEPARATORS = {"csv": ",", "tsv": "\t"}


def delimited_table(spark: SparkSession, source: Source, config: SourceConfig) -> SourceTable:
    """The columns that the headers of all files name.

    Raises:
        DataError: a file has no header, or a different one.
    """
    dialect = Dialect(config.separator or SEPARATORS[source.format], config.quote, config.escape, config.encoding)
    reader = SourceReader.of(spark, source)
    headers = _headers(spark, reader, source, dialect, config)
    header = next(iter(headers.values()))
    if header.unnamed:
        log.info(
            "The first line of '%s' names %s, and the others have one field more: R's row names, which are left out.",
            source.location,
            counted(len(header.names), "column"),
        )
    if config.header:
        _warn_of_data(source, header)
    file_names = tuple(dict.fromkeys(chain(*(other.names for other in headers.values()))))
    file_names = file_names if config.merge_schema else header.names
    folders = folder_columns(source, file_names)
    format = DelimitedFormat(dialect, header, config.multiline, header_line=config.header and not header.unnamed)
    markers = (*config.null_values, "")

    def read(wanted: Sequence[str]) -> RawTable:
        columns = text_columns(wanted, markers=markers, separator=dialect.separator)
        if reader.by_tasks:
            scan = partial(_scan, spark, source, reader.open_file, format, headers, wanted)
            return RawTable(columns, scan(), lambda names: scan(numbers=names, markers=config.null_values))
        rows, fields = _rows(spark, source, format), _field_names(header)
        safe = {name: fields[header.index(name)] for name in header.names} | {name: name for name in folders}
        return frame_table(rows, [F.col(quoted(safe[name])) for name in wanted], columns)

    names = (*file_names, *folders)
    kinds = dict.fromkeys(names, pa.string())
    signs = NumberSigns(TextReading(decimal=config.decimal, thousands=config.thousands), dialect.separator)
    return SourceTable(names, kinds, is_text=True, reader=read, first_line=header.text, signs=signs)


def _scan(
    spark: SparkSession,
    source: Source,
    open_file: OpenFile,
    format: DelimitedFormat,
    headers: Mapping[str, Header],
    wanted: Sequence[str],
    *,
    numbers: Collection[str] = (),
    markers: Sequence[str] = (),
) -> PieceScan[Piece]:
    """Read by tasks, each file by its own header, whose names may be in another order."""
    tasks = text_tasks(plan_pieces(source.files, format), source.files)
    unnamed = format.header.unnamed
    other_headers = {
        uri: replace(header, unnamed=unnamed) for uri, header in headers.items() if header.names != format.header.names
    }
    values = text_values(source)
    own = [name for name in wanted if values is None or name not in values.kinds]
    read = partial(_read_piece, open_file, format, other_headers, own, numbers, markers)
    numbered = filling(values, (*wanted, MALFORMED, LINE), partial(read, numbered=True))
    lines = LineReader(numbered, partial(count_lines, open_file))
    return PieceScan(spark, tasks, filling(values, (*wanted, MALFORMED), read), lines=lines)


def _read_piece(
    open_file: OpenFile,
    format: DelimitedFormat,
    other_headers: Mapping[str, Header],
    wanted: Sequence[str],
    numbers: Collection[str],
    markers: Sequence[str],
    piece: Piece,
    *,
    numbered: bool = False,
) -> Iterator[pa.RecordBatch]:
    header = other_headers.get(piece.uri, format.header)
    present = [name for name in wanted if name in header.names]
    fields = [header.index(name) for name in present]
    doubles = NumberFields([header.index(name) for name in numbers if name in header.names], markers)
    batches = read_piece(open_file, piece, replace(format, header=header), fields, numbers=doubles, numbered=numbered)
    return batches if len(present) == len(wanted) else _filled(batches, present, wanted)


def _filled(
    batches: Iterator[pa.RecordBatch], present: Sequence[str], wanted: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The same rows with nulls in the columns that a file lacks."""
    for batch in batches:
        columns = dict(zip(present, batch.columns, strict=False))
        nulls = pa.nulls(len(batch), pa.string())
        filled = [columns.get(name, nulls) for name in wanted] + batch.columns[len(present) :]
        names = [*(f"r{i}" for i in range(len(wanted))), *batch.schema.names[len(present) :]]
        yield pa.RecordBatch.from_arrays(filled, names)


def _rows(spark: SparkSession, source: Source, format: DelimitedFormat) -> DataFrame:
    dialect, header = format.dialect, format.header
    if dialect.encoding == "windows-1252":
        # By default, Spark 4 reads only the encodings that every Java has.
        spark.conf.set("spark.sql.legacy.javaCharsets", "true")
    folders = () if source.folders is None else source.folders.names
    reader = spark.read.schema(text_schema([*_field_names(header), MALFORMED, *folders])).options(
        # R's header has one name less than there are fields: for Spark a malformed line, which is dropped below.
        header=format.header_line,
        sep=dialect.separator,
        quote=dialect.quote,
        escape=dialect.escape or dialect.quote,
        encoding=dialect.encoding,
        # Spark looks for line ends byte by byte, and would find them inside of two-byte characters.
        multiLine=format.multiline or dialect.encoding.startswith("utf-16"),
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=MALFORMED,
        # Parsing only some fields would hide that a line has too few or too many of them.
        columnPruning=False,
        maxColumns=max(20_480, header.fields + 1),
    )
    if source.folders is not None:
        reader = reader.option("basePath", source.folders.above)
    rows = reader.csv([escaped(path) for path in source.paths])
    # Spark replaces bytes that are no text without a word; a U+FFFD of the file itself looks the same here.
    fields = (F.coalesce(F.col(quoted(name)), F.lit("")) for name in _field_names(header))
    text = F.concat_ws(dialect.separator, *fields)
    replaced = F.when(F.contains(text, F.lit(REPLACEMENT)), text)
    rows = rows.withColumn(MALFORMED, F.coalesce(F.col(MALFORMED), replaced))
    if header.unnamed:
        line = F.btrim(MALFORMED, F.lit("\ufeff\r\n"))
        rows = rows.where(F.col(MALFORMED).isNull() | (line != F.lit(header.text)))
    return rows


def _field_names(header: Header) -> list[str]:
    """Names of all fields: the header's where they are distinct for Spark (it warns of others), else numbered ones."""
    folded = {name.lower() for name in header.names if name}
    if len(folded) == len(header.names) and not header.unnamed:
        return list(header.names)
    return [f"f{i}" for i in range(header.fields)]


def _warn_of_data(source: Source, header: Header) -> None:
    if looks_like_data(header.names):
        log.warning(
            "The first line of '%s' looks like data, but is taken for the names of the columns: '%s'. If it is a row, "
            "set data.source.header: false, and data.source.columns to the names.",
            source.filled[0].name,
            header.text[:SHOWN_CHARACTERS],
        )


def _headers(
    spark: SparkSession, reader: SourceReader, source: Source, dialect: Dialect, config: SourceConfig
) -> dict[str, Header]:
    """The header of each non-empty file, by URI; all have the same columns, whose order only tasks allow to differ."""
    filled = source.filled
    parse = parse_header if config.header else partial(headless, names=config.columns)
    headers = [parse(reader.read_head(spark, file), dialect, origin=file.name) for file in filled]
    names = headers[0].names
    for file, header in zip(filled, headers, strict=True):
        is_other = sorted(header.names) != sorted(names)
        if config.merge_schema and reader.by_tasks:
            continue
        if is_other or (header.names != names and not reader.by_tasks):
            difference = "other columns than" if is_other else "its columns in another order than"
            raise DataError(
                f"File '{file.name}' has {difference} '{filled[0].name}'. Allowed: {', '.join(names)}. "
                f"Received: {', '.join(header.names)}. Write the same header in all files, give only some as "
                "data.source.path, or set data.source.merge_schema: true, so that a column that a file lacks is null "
                "in its rows."
            )
    return {file.uri: header for file, header in zip(filled, headers, strict=True)}
