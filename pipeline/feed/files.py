"""A store's Parquet files, opened once each and checked against the manifest."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.feed.footer import check_footer
from pipeline.feed.layout import Layout, plain_layout
from pipeline.feed.order import RowSlice
from pipeline.feed.rows import Empty, Rows, check_tensors, read_rows
from pipeline.feed.scaling import fold_layout
from pipeline.feed.verified_parts import VERIFIED, FilePart, VerifiedParts
from pipeline.store.checksums import AlteredError, check_file, check_row_group, read_footer, read_row_group
from pipeline.store.manifest import FileEntry
from pipeline.store.pages import READ_CHECKED
from pipeline.store.store import Store

FOOTER_BYTES = 950
"""Bytes that a column of a row group takes in an open file's footer, measured."""

OPEN_AT_MOST = 128
"""Open files of one feed; the usual limit of a process is 1,024."""


@dataclass(frozen=True)
class _Stamp:
    """What reveals, without reading a file, that it was written to."""

    size: int
    modified: int | None


@dataclass(frozen=True)
class _OpenFile:
    """A file that several threads may read from, and its footer."""

    source: pa.NativeFile
    footer: pq.FileMetaData

    @property
    def bytes(self) -> int:
        return int(self.footer.num_columns * self.footer.num_row_groups * FOOTER_BYTES)


class StoreFiles:
    """Reads row slices of one store; may be used by several threads.

    The most recently used files stay open with their footers, as far as memory allows: parsing the footer of a large
    file (77 row groups of 54 columns: 4,158 entries) takes longer than reading a row group.

    What a process reads for the first time is verified by the manifest's checksums: a footer before it is parsed, a
    row group by the bytes that it is then decoded from, a file without checksums of its parts when it is opened.
    """

    def __init__(
        self, store: Store, split: str, memory: int, empty: Empty = np.empty, *, verified: VerifiedParts = VERIFIED
    ) -> None:
        """Nothing is opened yet.

        Args:
            store: the store that the files belong to.
            split: the split to read.
            memory: limit on the footers of open files, in bytes. A row group of at most half this size is held by the
                thread that verifies it; a larger one is read twice, in pieces and then some columns at a time.
            empty: allocates arrays to read into.
            verified: the parts of files that were verified before.

        Raises:
            StoreError: the store holds rows without scaling, and its features do not fit them.
        """
        self._layout, self._specs = _layout_of(store, split), store.contract.tensors
        self._store, self._memory, self._empty = store, memory, empty
        self._open_files: dict[str, _OpenFile] = {}
        self._stamps: dict[str, _Stamp] = {}
        self._checked_epochs: dict[str, int] = {}
        self._verified = verified
        self._lock = threading.Lock()

    @property
    def pieces(self) -> int:
        """Number of pieces verified so far; it grows while this process verifies what is too large to be held."""
        return self._verified.pieces

    def read(self, row_slice: RowSlice) -> Rows:
        """The rows of a row slice, in the order of the file.

        Raises:
            StoreError: naming the file, which cannot be read or does not match the manifest or the contract.
        """
        try:
            return self._read(row_slice)
        except (OSError, ValueError, KeyError, RuntimeError, pa.ArrowException) as error:
            raise unreadable(self._store, row_slice.file, error) from error

    def check(self, file: FileEntry, epoch: int) -> None:
        """Check, once an epoch, that a file has the size in the manifest and was not written to since.

        Raises:
            StoreError: naming the file.
        """
        with self._lock:
            if self._checked_epochs.get(file.path) == epoch:
                return
        try:
            stamp = self._stamp(file)
        except OSError as error:
            raise unreadable(self._store, file, error) from error
        with self._lock:
            first = self._stamps.setdefault(file.path, stamp)
            self._checked_epochs[file.path] = epoch
        if stamp.size != file.bytes:
            raise unreadable(self._store, file, f"it has {stamp.size} bytes where the manifest says {file.bytes}")
        if stamp != first:
            raise unreadable(self._store, file, "it was written to while it was read")

    def _stamp(self, file: FileEntry) -> _Stamp:
        path = self._store.file(file.path)
        info = path.filesystem.get_file_info(path.path)
        if not info.is_file:
            raise FileNotFoundError("there is no such file")
        return _Stamp(info.size, info.mtime_ns)

    def _read(self, row_slice: RowSlice) -> Rows:
        opened = self._open(row_slice.file)
        expected, actual = (
            row_slice.file.row_groups[row_slice.row_group],
            opened.footer.row_group(row_slice.row_group).num_rows,
        )
        if actual != expected:
            raise ValueError(f"row group {row_slice.row_group} held {actual} rows where the manifest says {expected}")
        file = self._parquet(opened, row_slice.file, row_slice.row_group)

        def read(names: Sequence[str]) -> pa.Table:
            return file.read_row_group(row_slice.row_group, columns=list(names), use_threads=False)

        rows = read_rows(self._layout, read, slice(row_slice.first, row_slice.first + row_slice.rows), self._empty)
        check_tensors(self._specs, rows.tensors)
        return rows

    def _open(self, file: FileEntry) -> _OpenFile:
        with self._lock:
            kept = self._open_files.get(file.path)
        opened = kept or self._opened(file)
        self._keep(file, opened)
        return opened

    def _opened(self, file: FileEntry) -> _OpenFile:
        path = self._store.file(file.path)
        source = path.filesystem.open_input_file(path.path)
        if file.parts is None:
            with self._verified.to_verify(self._part(file)) as is_pending:
                if is_pending:
                    check_file(source, file, self._verified.count_piece)
        footer = read_footer(source, file)
        check_footer(self._layout, file, footer)
        return _OpenFile(source, footer)

    def _parquet(self, opened: _OpenFile, file: FileEntry, row_group: int) -> pq.ParquetFile:
        """A Parquet reader for one call: Arrow does not promise that several threads may share one."""
        held = self._held(opened, file, row_group)
        if held is not None:
            return pq.ParquetFile(pa.PythonFile(held, mode="r"), metadata=opened.footer)
        pre_buffer = not self._store.path.is_local
        return pq.ParquetFile(opened.source, metadata=opened.footer, pre_buffer=pre_buffer, **READ_CHECKED)

    def _held(self, opened: _OpenFile, file: FileEntry, row_group: int) -> FilePart | None:
        """The bytes of a row group that had to be verified; None if it was verified before or is too large."""
        parts = file.parts
        if parts is None:
            return None
        start, end = parts.span(row_group)
        with self._verified.to_verify(self._part(file, row_group)) as is_pending:
            if is_pending and end - start <= self._memory // 2:
                return FilePart(read_row_group(opened.source, parts, row_group), start, file.bytes)
            if is_pending:
                check_row_group(opened.source, parts, row_group, self._verified.count_piece)
        return None

    def _part(self, file: FileEntry, row_group: int | None = None) -> tuple[Any, ...]:
        """The key of a part, or of a whole file, in this process; it changes when the file is written to."""
        with self._lock:
            stamp = self._stamps.get(file.path)
        if stamp is None:
            stamp = self._stamp(file)
            with self._lock:
                stamp = self._stamps.setdefault(file.path, stamp)
        return self._store.file(file.path).uri, stamp, file.sha256, row_group

    def _keep(self, file: FileEntry, opened: _OpenFile) -> None:
        """Keep a file as the most recently used one, and drop those that were not used for longest."""
        with self._lock:
            self._open_files.pop(file.path, None)
            self._open_files[file.path] = opened
            taken = sum(each.bytes for each in self._open_files.values())
            for path in list(self._open_files):
                if taken <= self._memory and len(self._open_files) <= OPEN_AT_MOST:
                    return
                taken -= self._open_files.pop(path).bytes


def unreadable(store: Store, file: FileEntry, reason: object) -> StoreError:
    """The error about a file that the feed cannot use."""
    # A published store is not prepared again as long as it exists, so an altered one must be deleted first.
    remedy = f"Delete {store.base} and prepare" if isinstance(reason, AlteredError) else "Prepare"
    return StoreError(f"Store {store.path}: {file.path} cannot be read: {reason}. {remedy} the store again.")


def _layout_of(store: Store, split: str) -> Layout:
    if store.shared_rows is None:
        return plain_layout(store.contract)
    try:
        return fold_layout(store.shared_rows, store.features, split)
    except StoreError as error:
        raise StoreError(f"Store {store.path}: {error}") from error
