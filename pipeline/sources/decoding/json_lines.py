"""JSON with one object a line, read in pieces: values as text, those of nested objects and lists as JSON.

Objects over several lines, and those in an array, are read as if each were on a line (`json_elements.py`); a file of
them is one piece, since nothing tells in its middle where an object begins.

What a line gives is what Spark 4.1's reader gives with a schema of strings, in its mode PERMISSIVE:

- A number, a truth value, an object or a list is its text, to the byte; a string is what it stands for; null and keys
  that are absent are null. Of a key that a line has twice, the last value counts.
- A blank line is no row. A list of objects is a row for each. What stands behind an object or a list is not looked at.
- Another line is malformed, and so is one with a broken value; its text is kept. Its other values are kept where Spark
  finds its way behind the broken one, and are null where it does not.

Two things differ, both in lines that are no UTF-8. Spark takes a line with a zero among its first bytes, or the mark of
UTF-16, for UTF-16 or UTF-32, and then gives empty texts for numbers; here such a line is malformed. Spark may take a
name that begins with the byte FF for the same name without it, which depends on the lines before; here it is malformed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from pipeline.sources.decoding.blocks import line_blocks, parts_of, without_mark
from pipeline.sources.decoding.compressed import is_compressed
from pipeline.sources.decoding.json_elements import Elements
from pipeline.sources.decoding.json_marks import Ints
from pipeline.sources.decoding.json_plain import PlainLines, read_plain
from pipeline.sources.decoding.json_rows import Row, names_in_line, parse_line
from pipeline.sources.decoding.line_numbers import LineCounter, with_line_numbers
from pipeline.sources.decoding.pieces import MALFORMED, PIECE_BYTES, Piece, cut
from pipeline.sources.decoding.streams import OpenFile, open_stream

PART_BYTES = 400_000
"""Bytes decoded at once: the arrays made of so many fit in the processor's cache."""


def plan_pieces(
    files: Sequence[tuple[str, str, int]], piece_bytes: int = PIECE_BYTES, *, whole: bool = False
) -> tuple[Piece, ...]:
    """Pieces of about `piece_bytes` that cover all lines of some files, in order; empty files have none.

    Args:
        files: URI, name and bytes of each; the ending of the name tells whether it is compressed.
        piece_bytes: how long pieces may be.
        whole: whether each file is one piece.
    """
    pieces: list[Piece] = []
    for uri, name, size in files:
        if whole or is_compressed(name):
            pieces += [Piece(uri, 0, None)] if size else []
            continue
        pieces += cut(uri, size, -(-size // piece_bytes)) if size else []
    return tuple(pieces)


def read_piece(
    open_file: OpenFile,
    piece: Piece,
    names: Sequence[str],
    *,
    elements: bool = False,
    numbered: bool = False,
    block_bytes: int = 8 << 20,
) -> Iterator[pa.RecordBatch]:
    """The rows of a piece, in order, in batches that are not empty.

    A batch has the columns `r0`, `r1`, ... in the order of `names`, and `MALFORMED`; all are strings.

    Args:
        open_file: gives a file of bytes that can seek, for a URI; compressed as it is.
        piece: of a file.
        names: keys of the objects, each once.
        elements: whether objects may be in an array, or have line breaks in them; `piece` is a whole file then.
        numbered: whether batches have `LINE` as their last column, counted from the piece's first line.
        block_bytes: read for a batch; about ten times as much is in memory.

    Raises:
        DataError: the file cannot be read, or is not compressed in the way that its ending says.
    """
    schema, counter = _schema(names), LineCounter() if numbered else None
    for block in _blocks(open_file, piece, block_bytes, elements=elements):
        batches = [_read_part(raw, part, names, schema, counter) for raw, part in _parts(block)]
        yield from pa.Table.from_batches(batches).combine_chunks().to_batches()


def line_values(block: bytes, names: Sequence[str]) -> list[pa.Array]:
    """The values of some names in lines that all begin with a brace: a string array [lines] for each name."""
    schema = _schema(names)
    batches = [_read_part(raw, part, names, schema, None) for raw, part in _parts(block)]
    table = pa.Table.from_batches(batches, schema)
    return [column.combine_chunks() for column in table.columns[: len(names)]]


def line_names(block: bytes) -> tuple[str, ...]:
    """The names in all lines of a block, in the order in which they first appear."""
    return tuple(dict.fromkeys(name for _, part in _parts(block) for name in _part_names(part)))


def _schema(names: Sequence[str]) -> pa.Schema:
    return pa.schema([(f"r{number}", pa.string()) for number in range(len(names))] + [(MALFORMED, pa.string())])


def key_names(
    open_file: OpenFile, piece: Piece, *, elements: bool = False, block_bytes: int = 8 << 20
) -> tuple[str, ...]:
    """All keys of the objects of a piece, in the order in which they first appear.

    Malformed lines have none. Spark's own inference gives the same names sorted, without the empty one and those whose
    values are only empty objects.

    Args:
        open_file: as for `read_piece`.
        piece: of a file.
        elements: as for `read_piece`.
        block_bytes: read at once.

    Raises:
        DataError: as for `read_piece`.
    """
    names: dict[str, None] = {}
    for block in _blocks(open_file, piece, block_bytes, elements=elements):
        for _, part in _parts(block):
            names |= dict.fromkeys(_part_names(part))
    return tuple(names)


def _blocks(open_file: OpenFile, piece: Piece, block_bytes: int, *, elements: bool) -> Iterator[bytes]:
    """Blocks of whole lines that are not empty."""
    with open_stream(open_file, piece.uri, at=max(piece.start - 1, 0)) as stream:
        blocks = line_blocks(Elements(stream) if elements else stream, piece.start, piece.stop, block_bytes)
        yield from filter(None, blocks if piece.start else without_mark(blocks))


def _parts(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Parts of a block, as they are in the file, and with a line feed for each carriage return and at the end.

    Empty lines mean nothing, so that the two of `\\r\\n` do no harm.
    """
    plain, at = block.replace(b"\r", b"\n"), 0
    for part in parts_of(plain if plain.endswith(b"\n") else plain + b"\n", PART_BYTES):
        yield block[at : at + len(part)], part
        at += len(part)


def _read_part(
    raw: bytes, part: bytes, names: Sequence[str], schema: pa.Schema, counter: LineCounter | None
) -> pa.RecordBatch:
    """The rows of a part; with the numbers of their lines, where they are counted."""
    plain = read_plain(part)
    columns = plain.columns(names)
    rows = len(plain.lines.odd) - int(np.count_nonzero(plain.lines.odd))
    batch = pa.RecordBatch.from_arrays([*columns, pa.nulls(rows, pa.string())], schema=schema)
    lines: Ints = np.arange(rows)
    if rows < len(plain.lines.odd):
        batch, lines = _with_odd_lines(part, names, plain, batch)
    if counter is None:
        return batch
    return with_line_numbers(batch, counter.numbers_of(raw, plain.lines.starts[lines]))


def _with_odd_lines(
    part: bytes, names: Sequence[str], plain: PlainLines, batch: pa.RecordBatch
) -> tuple[pa.RecordBatch, Ints]:
    """All rows in the order of their lines, and the index of each one's line."""
    index_of = {name: index for index, name in enumerate(names)}
    lines, rows = np.flatnonzero(~plain.lines.odd).tolist(), list[Row]()
    for number in np.flatnonzero(plain.lines.odd).tolist():
        line = parse_line(part[plain.lines.starts[number] : plain.lines.ends[number]], index_of)
        lines += [number] * len(line.rows)
        rows += [[*row, line.malformed] for row in line.rows]
    columns = [pa.array([row[index] for row in rows], pa.string()) for index in range(len(names) + 1)]
    order = np.argsort(lines, kind="stable")
    whole = [pa.concat_arrays(pair).take(pa.array(order)) for pair in zip(batch.columns, columns, strict=True)]
    return pa.RecordBatch.from_arrays(whole, schema=batch.schema), np.array(lines, np.int64)[order]


def _part_names(part: bytes) -> list[str]:
    plain = read_plain(part)
    fields = np.flatnonzero(~plain.lines.odd[plain.rows])
    ids, first = np.unique(plain.name_ids[fields], return_index=True)
    names = [(int(plain.rows[fields[at]]), int(at), plain.names[i]) for i, at in zip(ids, first, strict=True)]
    for number in np.flatnonzero(plain.lines.odd).tolist():
        line = part[plain.lines.starts[number] : plain.lines.ends[number]]
        names += [(number, position, name) for position, name in enumerate(names_in_line(line))]
    return [name for _, _, name in sorted(names)]
