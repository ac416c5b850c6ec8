"""Rows that were read once, kept for later epochs. A cache does not change the order of rows.

`memory` keeps decoded row slices as they are. `disk` appends them, decoded as well, to a file of this process and reads
them back into fresh memory: a copy of the Parquet files would save the transfer from a remote store, but not the
decoding, which is most of the work for a local one. The file is deleted as soon as it is open, so that it disappears
with the process, however that ends. It is not mapped into memory: truncating a mapped file would kill the process, and
mapped pages count as the process's own.

Only rows that were read and verified enter a cache; those from the disk are also verified by a CRC-32.
"""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import threading
import zlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import IO, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.feed.rows import Rows

logger = logging.getLogger(__name__)

CacheKind = Literal["none", "memory", "disk"]


class Cache(Protocol):
    """Where reading threads look for rows, and keep them; several threads use it at once."""

    def get(self, key: Hashable) -> Rows | None:
        """The rows kept under a key, or None."""

    def put(self, key: Hashable, rows: Rows) -> None:
        """Keep rows, if there is room."""

    def close(self) -> None:
        """Drop all rows."""


class NoCache:
    """Keeps nothing."""

    def get(self, key: Hashable) -> Rows | None:
        """None."""
        return None

    def put(self, key: Hashable, rows: Rows) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class MemoryCache:
    """Keeps rows in this process, up to a bound."""

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes."""
        self._limit = _ByteLimit(limit, "train.cache: memory")
        self._kept: dict[Hashable, Rows] = {}

    def get(self, key: Hashable) -> Rows | None:
        """The rows, which nobody may write to."""
        return self._kept.get(key)

    def put(self, key: Hashable, rows: Rows) -> None:
        """Keep the rows."""
        if self._limit.take(key, rows.nbytes):
            self._kept[key] = rows.read_only()

    def close(self) -> None:
        """Drop all rows."""
        self._kept.clear()


@dataclass(frozen=True)
class _ArrayEntry:
    """Where an array lies in the file, and what is needed to restore it."""

    offset: int
    size: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    crc: int


class DiskCache:
    """Keeps rows in a file of this process, up to a bound."""

    def __init__(self, limit: int, folder: str | None = None) -> None:
        """`limit` is in bytes; `folder` is by default the system's folder for temporary files."""
        self._limit = _ByteLimit(limit, "train.cache: disk")
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `close`)
        self._kept: dict[Hashable, dict[str, _ArrayEntry]] = {}
        self._end, self._lock = 0, threading.Lock()

    def get(self, key: Hashable) -> Rows | None:
        """The rows, read back.

        Raises:
            StoreError: they differ from what was written.
        """
        entries = self._kept.get(key)
        if entries is None:
            return None
        return Rows.of_arrays({name: self._read(entry) for name, entry in entries.items()})

    def put(self, key: Hashable, rows: Rows) -> None:
        """Write the rows; a full disk counts as the limit."""
        if not self._limit.take(key, rows.nbytes):
            return
        try:
            self._kept[key] = {name: self._write(array) for name, array in rows.arrays().items()}
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            self._limit.close(f"the disk is full after {self._end >> 20} MB")

    def close(self) -> None:
        """Drop all rows, and free the disk."""
        self._kept.clear()
        self._file.close()

    def _write(self, array: npt.NDArray[Any]) -> _ArrayEntry:
        content = _bytes_of(array).reshape(-1).view(np.uint8).data
        with self._lock:
            offset, self._end = self._end, self._end + len(content)
        written = 0
        while written < len(content):
            written += os.pwrite(self._file.fileno(), content[written:], offset + written)
        return _ArrayEntry(offset, len(content), array.dtype, array.shape, zlib.crc32(content))

    def _read(self, entry: _ArrayEntry) -> npt.NDArray[Any]:
        content = np.empty(entry.size, np.uint8)
        done = 0
        while done < entry.size:
            count = os.preadv(self._file.fileno(), [content[done:].data], entry.offset + done)
            if not count:
                break
            done += count
        # The checksum alone is not enough: fresh memory may happen to hold the very bytes that the disk lost.
        if done < entry.size or zlib.crc32(content.data) != entry.crc:
            raise StoreError(
                f"Rows that train.cache kept on the disk in {tempfile.gettempdir()} have changed since. "
                "Check that disk, or leave out train.cache."
            )
        return _array_of(content, entry)


def open_cache(kind: CacheKind, limit: int) -> Cache:
    """The cache that `train.cache` names, with a bound in bytes."""
    makers: dict[CacheKind, Callable[[], Cache]] = {
        "none": NoCache,
        "memory": lambda: MemoryCache(limit),
        "disk": lambda: DiskCache(limit),
    }
    return makers[kind]()


class _ByteLimit:
    """A limit in bytes; its first refusal is logged."""

    def __init__(self, limit: int, name: str) -> None:
        self._limit, self._name, self._taken = limit, name, 0
        self._keys: set[Hashable] = set()
        self._is_full, self._lock = False, threading.Lock()

    def take(self, key: Hashable, size: int) -> bool:
        """Reserve bytes for a key that has none yet; False if there is no room."""
        with self._lock:
            if self._is_full or key in self._keys:
                return False
            if self._taken + size <= self._limit:
                self._taken += size
                self._keys.add(key)
                return True
        self.close(f"train.cache_bytes of {self._limit} is used up")
        return False

    def close(self, reason: str) -> None:
        with self._lock:
            if not self._is_full:
                logger.warning("%s; %s: rows that are not kept are read anew in each epoch.", self._name, reason)
            self._is_full = True


def _bytes_of(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The bytes of an array; for texts, Arrow's offsets followed by the texts."""
    if array.dtype != object:
        return np.ascontiguousarray(array)
    values = pa.array(array.ravel(), pa.large_binary())
    _, offsets, content = values.buffers()
    held = [np.frombuffer(buffer, np.uint8) for buffer in (offsets, content) if buffer is not None]
    return np.concatenate(held)


def _array_of(content: npt.NDArray[np.uint8], entry: _ArrayEntry) -> npt.NDArray[Any]:
    if entry.dtype != object:
        return content.view(entry.dtype).reshape(entry.shape)
    count = int(np.prod(entry.shape))
    offsets = (count + 1) * 8
    buffers = [None, pa.py_buffer(content[:offsets]), pa.py_buffer(content[offsets:])]
    values = pa.Array.from_buffers(pa.large_binary(), count, buffers)
    restored: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(entry.shape)
    return restored
