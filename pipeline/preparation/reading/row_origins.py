"""The file of each row, and the number of its line, for messages and the quarantine; other passes do not read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.preparation.reading.piece_scan import LineReader, PieceScan
from pipeline.preparation.reading.scan import Scan, collect_parts
from pipeline.sources.decoding.pieces import Piece

FILE = "__file"
"""The column with the file name of a row."""
LINE = "__line"
"""The column with the number of the line in which a row begins, from 1; the header is one of the lines."""

_COUNT = pa.schema([("lines", pa.int64())])


def with_origins(scan: Scan) -> Scan:
    """The same rows with `FILE` and `LINE` as the last columns, where they come from source files.

    Reads the source once more to count lines, where a text file is cut into several pieces.
    """
    if not isinstance(scan, PieceScan) or scan.files is None:
        return scan
    files, lines = scan.files, scan.lines
    read, before = (scan.read, {}) if lines is None else (lines.read, _lines_before(scan, lines))

    def read_with_origins(piece: Piece) -> Iterator[pa.RecordBatch]:
        name = files.get(piece.uri, piece.uri.rpartition("/")[2])
        for batch in read(piece):
            if lines is None:
                columns, numbers = batch.columns, pa.nulls(len(batch), pa.int64())
            else:
                *columns, counted = batch.columns
                numbers = pc.add(counted, before.get(piece, 0))
            names = [*batch.schema.names[: len(columns)], FILE, LINE]
            yield pa.RecordBatch.from_arrays([*columns, pa.repeat(pa.scalar(name), len(batch)), numbers], names)

    return replace(scan, read=read_with_origins)


def files_of(batch: pa.RecordBatch) -> pa.Array:
    """String [n]: the file of each row of a batch, null where `with_origins` could not add it."""
    return batch.column(batch.num_columns - 2) if _has_origins(batch) else pa.nulls(len(batch), pa.string())


def line_numbers_of(batch: pa.RecordBatch) -> pa.Array:
    """Int64 [n]: the line of each row of a batch, null where it is unknown or the format has none."""
    return batch.column(batch.num_columns - 1) if _has_origins(batch) else pa.nulls(len(batch), pa.int64())


def _has_origins(batch: pa.RecordBatch) -> bool:
    return bool(batch.schema.names[-2:] == [FILE, LINE])


def _lines_before(scan: PieceScan[Piece], lines: LineReader[Piece]) -> Mapping[Piece, int]:
    """The number of lines before each piece that is not the first of its file."""
    pairs = [pair for pair in pairwise(piece for task in scan.tasks for piece in task) if pair[0].uri == pair[1].uri]
    if not pairs:
        return {}

    def count(piece: Piece) -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array([lines.count(piece)], pa.int64())], schema=_COUNT)

    counting = PieceScan(scan.spark, [[piece] for piece, _ in pairs], count)
    counts = collect_parts(counting, lambda batches: {"lines": pa.Table.from_batches(batches, _COUNT)})["lines"]
    before: dict[Piece, int] = {}
    for (piece, following), table in zip(pairs, counts, strict=True):
        before[following] = before.get(piece, 0) + table["lines"][0].as_py()
    return before
