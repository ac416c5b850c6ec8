"""Hashes of the parts of a store's Parquet files: made of the bytes that are written, and compared when they are read.

    PAR1 | row group 0 | row group 1 | ... | footer, its length, PAR1
    0    ...      ends[0]  ...   ends[1] ...                     bytes

Parts leave no gap, so no bit of a file may change unnoticed. Where they end is told by the manifest and not by the
footer, which is compared before it is parsed. Files of manifests of format 3, without such hashes, are compared whole.

SHA-256, by which all else here is known: 1.36 GB/s with the processor's own instructions for it, where BLAKE2b does
0.73 and CRC-32 4.4. A row group of 52 float columns (3.4 MB) takes 2.5 ms, beside 2.5 to decode it, and 1 to verify the
checksums of its pages, which is left out then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.store.manifest import FileEntry, PartHashes

PIECE_BYTES = 1 << 20
"""Of what is not held as a whole, so much is read at a time."""


class AlteredError(ValueError):
    """Bytes are not those that were written; the message tells of which part."""


def hashes_of(content: pa.Buffer) -> PartHashes:
    """Of the bytes of a file, which has a row group at least."""
    footer, view = pq.read_metadata(pa.BufferReader(content)), memoryview(content)
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    last = groups[-1].column(groups[-1].num_columns - 1)
    ends = [*(_start(group.column(0)) for group in groups[1:]), _start(last) + last.total_compressed_size]
    *row_groups, rest = (hashlib.sha256(view[start:end]).hexdigest() for start, end in pairwise((0, *ends, len(view))))
    return PartHashes(ends=tuple(ends), row_groups=tuple(row_groups), footer=rest)


def _start(chunk: pq.ColumnChunkMetaData) -> int:
    """Where a column of a row group begins; all of them lie one after the other."""
    return int(chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset)


def read_footer(source: pa.NativeFile, file: FileEntry) -> pq.FileMetaData:
    """The footer of a file; it is compared with its hash where there is one.

    Raises:
        AlteredError: it is not as it was written.
    """
    if file.parts is None:
        return pq.read_metadata(source)
    start, end = file.parts.footer_span(file.bytes)
    content = source.read_at(end - start, start)
    _compare("its footer", hashlib.sha256(content).hexdigest(), file.parts.footer)
    return pq.read_metadata(pa.BufferReader(content))


def read_row_group(source: pa.NativeFile, parts: PartHashes, number: int) -> bytes:
    """The bytes of a row group, read at once.

    Raises:
        AlteredError: they are not as they were written.
    """
    start, end = parts.span(number)
    content = bytes(source.read_at(end - start, start))
    _compare(f"row group {number}", hashlib.sha256(content).hexdigest(), parts.row_groups[number])
    return content


def check_row_group(source: pa.NativeFile, parts: PartHashes, number: int, each: Callable[[], None]) -> None:
    """Compare a row group that is too large to be held; `each` is called for every piece.

    Raises:
        AlteredError: it is not as it was written.
    """
    _compare(f"row group {number}", _hash_in_pieces(source, *parts.span(number), each), parts.row_groups[number])


def check_file(source: pa.NativeFile, file: FileEntry, each: Callable[[], None]) -> None:
    """Compare a whole file; `each` is called for every piece.

    Raises:
        AlteredError: it is not as it was written.
    """
    _compare("the file", _hash_in_pieces(source, 0, file.bytes, each), file.sha256)


def _hash_in_pieces(source: pa.NativeFile, start: int, end: int, each: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    for place in range(start, end, PIECE_BYTES):
        digest.update(source.read_at(min(PIECE_BYTES, end - place), place))
        each()
    return digest.hexdigest()


def _compare(part: str, found: str, told: str) -> None:
    if found != told:
        raise AlteredError(f"{part} was altered: its SHA-256 is {found} where the manifest tells {told}")
