"""A store's Parquet files, opened once each and held against the manifest."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.feed.compared import CHECKED, Checked, HeldPart
from pipeline.feed.footer import check_footer
from pipeline.feed.layout import Layout, plain_layout
from pipeline.feed.order import RowSlice
from pipeline.feed.rows import Empty, Rows, check_tensors, read_rows
from pipeline.feed.scaling import fold_layout
from pipeline.store.checksums import AlteredError, check_file, check_row_group, read_footer, read_row_group
from pipeline.store.manifest import FileEntry
from pipeline.store.pages import READ_CHECKED
from pipeline.store.store import Store

FOOTER_BYTES = 950
"""What a column of a row group takes in an open file's footer, measured."""

OPEN_AT_MOST = 128
"""Files of one feed; a process may have 1,024, as a rule."""


@dataclass(frozen=True)
class _Stamp:
    """What shows, without reading it, that a file was written to."""

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

    Files stay open with their footers, the last used ones as far as memory allows: to parse the footer of a large file
    (77 row groups of 54 columns: 4,158 entries) takes longer than to read a row group.

    What a process reads for the first time is compared with the manifest's checksums: a footer before it is parsed, a
    row group by the bytes that it is then decoded from, a file without checksums of its parts when it is opened.
    """

    def __init__(
        self, store: Store, split: str, memory: int, empty: Empty = np.empty, *, checked: Checked = CHECKED
    ) -> None:
        """Nothing is opened yet.

        Args:
            store: whose files they are.
            split: which part of it is read.
            memory: what footers of open files may take, in bytes. A row group of at most half as many is held by the
                thread that compares it; a larger one is read twice, in pieces and then some columns at a time.
            empty: makes an array to read into.
            checked: what was compared before.

        Raises:
            StoreError: the store's rows are without scaling, and its features do not fit them.
        """
        self._layout, self._specs = _layout_of(store, split), store.contract.tensors
        self._store, self._memory, self._empty = store, memory, empty
        self._open_files: dict[str, _OpenFile] = {}
        self._stamps: dict[str, _Stamp] = {}
        self._checked: dict[str, int] = {}
        self._compared = checked
        self._lock = threading.Lock()

    @property
    def pieces(self) -> int:
        """Grows while this process compares what is too large to be held."""
        return self._compared.pieces

    def read(self, row_slice: RowSlice) -> Rows:
        """The rows of a row slice, in the order of the file.

        Raises:
            StoreError: naming the file, which cannot be read or is not what manifest and contract tell.
        """
        try:
            return self._read(row_slice)
        except (OSError, ValueError, KeyError, RuntimeError, pa.ArrowException) as error:
            raise unreadable(self._store, row_slice.file, error) from error

    def check(self, file: FileEntry, epoch: int) -> None:
        """Make sure, once an epoch, that a file has the size of the manifest and was not written to meanwhile.

        Raises:
            StoreError: naming the file.
        """
        with self._lock:
            if self._checked.get(file.path) == epoch:
                return
        try:
            stamp = self._stamp(file)
        except OSError as error:
            raise unreadable(self._store, file, error) from error
        with self._lock:
            first = self._stamps.setdefault(file.path, stamp)
            self._checked[file.path] = epoch
        if stamp.size != file.bytes:
            raise unreadable(self._store, file, f"it has {stamp.size} bytes where the manifest says {file.bytes}")
        if stamp != first:
            raise unreadable(self._store, file, "it was written to while it was read")

    def _stamp(self, file: FileEntry) -> _Stamp:
        place = self._store.file(file.path)
        info = place.filesystem.get_file_info(place.path)
        if not info.is_file:
            raise FileNotFoundError("there is no such file")
        return _Stamp(info.size, info.mtime_ns)

    def _read(self, row_slice: RowSlice) -> Rows:
        opened = self._open(row_slice.file)
        told, found = (
            row_slice.file.row_groups[row_slice.row_group],
            opened.footer.row_group(row_slice.row_group).num_rows,
        )
        if found != told:
            raise ValueError(f"row group {row_slice.row_group} held {found} rows where the manifest says {told}")
        file = self._parquet(opened, row_slice.file, row_slice.row_group)

        def read(names: Sequence[str]) -> pa.Table:
            return file.read_row_group(row_slice.row_group, columns=list(names), use_threads=False)

        rows = read_rows(self._layout, read, slice(row_slice.first, row_slice.first + row_slice.rows), self._empty)
        check_tensors(self._specs, rows.tensors)
        return rows

    def _open(self, file: FileEntry) -> _OpenFile:
        with self._lock:
            known = self._open_files.get(file.path)
        opened = known or self._opened(file)
        self._keep(file, opened)
        return opened

    def _opened(self, file: FileEntry) -> _OpenFile:
        place = self._store.file(file.path)
        source = place.filesystem.open_input_file(place.path)
        if file.parts is None:
            with self._compared.first(self._part(file)) as first:
                if first:
                    check_file(source, file, self._compared.count_piece)
        footer = read_footer(source, file)
        check_footer(self._layout, file, footer)
        return _OpenFile(source, footer)

    def _parquet(self, opened: _OpenFile, file: FileEntry, row_group: int) -> pq.ParquetFile:
        """A reader of its own for each reading: Arrow does not say that one may be used by several threads."""
        held = self._held(opened, file, row_group)
        if held is not None:
            return pq.ParquetFile(pa.PythonFile(held, mode="r"), metadata=opened.footer)
        pre_buffer = not self._store.place.is_local
        return pq.ParquetFile(opened.source, metadata=opened.footer, pre_buffer=pre_buffer, **READ_CHECKED)

    def _held(self, opened: _OpenFile, file: FileEntry, row_group: int) -> HeldPart | None:
        """A row group that was just compared, unless it is too large."""
        parts = file.parts
        if parts is None:
            return None
        start, end = parts.span(row_group)
        with self._compared.first(self._part(file, row_group)) as first:
            if first and end - start <= self._memory // 2:
                return HeldPart(read_row_group(opened.source, parts, row_group), start, file.bytes)
            if first:
                check_row_group(opened.source, parts, row_group, self._compared.count_piece)
        return None

    def _part(self, file: FileEntry, row_group: int | None = None) -> tuple[Any, ...]:
        """What a part, or a whole file, is known by in this process: one that was written to since is another."""
        with self._lock:
            stamp = self._stamps.get(file.path)
        if stamp is None:
            stamp = self._stamp(file)
            with self._lock:
                stamp = self._stamps.setdefault(file.path, stamp)
        return self._store.file(file.path).uri, stamp, file.sha256, row_group

    def _keep(self, file: FileEntry, opened: _OpenFile) -> None:
        """Keep a file as the last used one, and let go of those that were not used for longest."""
        with self._lock:
            self._open_files.pop(file.path, None)
            self._open_files[file.path] = opened
            taken = sum(each.bytes for each in self._open_files.values())
            for path in list(self._open_files):
                if taken <= self._memory and len(self._open_files) <= OPEN_AT_MOST:
                    return
                taken -= self._open_files.pop(path).bytes


def unreadable(store: Store, file: FileEntry, reason: object) -> StoreError:
    """What is raised about a file that the feed cannot use."""
    # What is published is not made anew while it is there.
    remedy = f"Delete {store.base} and prepare" if isinstance(reason, AlteredError) else "Prepare"
    return StoreError(f"Store {store.place}: {file.path} cannot be read: {reason}. {remedy} the store again.")


def _layout_of(store: Store, split: str) -> Layout:
    if store.shared_rows is None:
        return plain_layout(store.contract)
    try:
        return fold_layout(store.shared_rows, store.features, split)
    except StoreError as error:
        raise StoreError(f"Store {store.place}: {error}") from error
