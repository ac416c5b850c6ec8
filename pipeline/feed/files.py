"""A store's Parquet files, opened once each and held against the manifest."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.columns import ColumnSpec
from pipeline.errors import StoreError
from pipeline.feed.layout import Layout, plain_layout
from pipeline.feed.order import Window
from pipeline.feed.rows import Empty, Rows, read_rows
from pipeline.feed.scaling import fold_layout
from pipeline.store.manifest import FileEntry
from pipeline.store.pages import READ_CHECKED
from pipeline.store.store import Store

FOOTER_BYTES = 950
"""What a column of a row group takes in an open file's footer, measured."""

OPEN_AT_MOST = 128
"""Files of one feed; a process may have 1,024, as a rule."""

_LABEL_TYPES = ("int32", "int64", "float32", "float64")


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
    """Reads windows of one store; may be used by several threads.

    Files stay open with their footers, the last used ones as far as memory allows: to parse the footer of a large file
    (77 row groups of 54 columns: 4,158 entries) takes longer than to read a row group.
    """

    def __init__(self, store: Store, split: str, memory: int, empty: Empty = np.empty) -> None:
        """Nothing is opened yet.

        Args:
            store: whose files they are.
            split: which part of it is read.
            memory: what footers of open files may take, in bytes.
            empty: makes an array to read into.

        Raises:
            StoreError: the store's rows are without scaling, and its features do not fit them.
        """
        self._layout = _layout_of(store, split)
        self._store, self._memory, self._empty = store, memory, empty
        self._open_files: dict[str, _OpenFile] = {}
        self._stamps: dict[str, _Stamp] = {}
        self._checked: dict[str, int] = {}
        self._lock = threading.Lock()

    def read(self, window: Window) -> Rows:
        """The rows of a window, in the order of the file.

        Raises:
            StoreError: naming the file, which cannot be read or is not what manifest and contract tell.
        """
        try:
            return self._read(window)
        except (OSError, ValueError, KeyError, RuntimeError, pa.ArrowException) as error:
            raise unreadable(self._store, window.file, error) from error

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
            raise unreadable(self._store, file, f"it has {stamp.size} bytes where the manifest tells {file.bytes}")
        if stamp != first:
            raise unreadable(self._store, file, "it was written to while it was read")

    def _stamp(self, file: FileEntry) -> _Stamp:
        place = self._store.file(file.path)
        info = place.filesystem.get_file_info(place.path)
        if not info.is_file:
            raise FileNotFoundError("there is no such file")
        return _Stamp(info.size, info.mtime_ns)

    def _read(self, window: Window) -> Rows:
        file = self._open(window.file)
        told, found = window.file.row_groups[window.row_group], file.metadata.row_group(window.row_group).num_rows
        if found != told:
            raise ValueError(f"row group {window.row_group} held {found} rows where the manifest tells {told}")

        def read(names: Sequence[str]) -> pa.Table:
            return file.read_row_group(window.row_group, columns=list(names), use_threads=False)

        rows = slice(window.first, window.first + window.rows)
        return read_rows(self._layout, read, rows, self._empty)

    def _open(self, file: FileEntry) -> pq.ParquetFile:
        """A reader of its own for each reading: Arrow does not say that one may be used by several threads."""
        place = self._store.file(file.path)
        with self._lock:
            known = self._open_files.get(file.path)
        source = known.source if known else place.filesystem.open_input_file(place.path)
        footer = known.footer if known else None
        parquet = pq.ParquetFile(source, metadata=footer, pre_buffer=not place.is_local, **READ_CHECKED)
        if known is None:
            self._check_footer(file, parquet)
        self._keep(file, _OpenFile(source, parquet.metadata))
        return parquet

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

    def _check_footer(self, file: FileEntry, parquet: pq.ParquetFile) -> None:
        if parquet.metadata.num_row_groups != len(file.row_groups):
            raise ValueError(
                f"it has {parquet.metadata.num_row_groups} row groups where the manifest tells {len(file.row_groups)}"
            )
        types = {field.name: field.type for field in parquet.schema_arrow}
        for column in self._layout.stored:
            found = types.get(column.name)
            if found is None or not _fits(column, found):
                has = "no such column" if found is None else str(found)
                raise ValueError(f"column '{column.name}' is {_told(column)} in the contract, and {has} in the file")


def unreadable(store: Store, file: FileEntry, reason: object) -> StoreError:
    """What is raised about a file that the feed cannot use."""
    return StoreError(f"Store {store.place.path}: {file.path} cannot be read: {reason}. Prepare the store again.")


def _layout_of(store: Store, split: str) -> Layout:
    if store.unscaled is None:
        return plain_layout(store.contract)
    try:
        return fold_layout(store.unscaled, store.features, split)
    except StoreError as error:
        raise StoreError(f"Store {store.place.path}: {error}") from error


def _told(column: ColumnSpec) -> str:
    if not column.shape:
        return column.type
    return f"a list of {'at most ' if column.ragged else ''}{'x'.join(map(str, column.shape))} {column.type}"


def _fits(column: ColumnSpec, found: Any) -> bool:
    if column.shape:
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(is_list(found) for is_list in lists) and _is_type(column.type, found.value_type)
    if column.role == "label":
        return any(_is_type(name, found) for name in _LABEL_TYPES)
    return _is_type(column.type, found)


def _is_type(name: str, found: Any) -> bool:
    if name == "string":
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found))
    if name == "binary":
        return bool(pa.types.is_binary(found) or pa.types.is_large_binary(found))
    types = {"float32": pa.float32(), "float64": pa.float64(), "int32": pa.int32(), "int64": pa.int64()}
    return bool(found == types[name])
