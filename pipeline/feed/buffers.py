"""Arrays whose memory is used again.

A feed goes through as much memory in a second as it holds in all. Taken from the system each time, memory comes page
by page: of 0.9 to 1.0 microseconds of processor time for a row of 52 floats, 0.4 were the system's, with 225 faults
in 1,000 rows. Here it goes from one array to the next: 0.7 microseconds, 0.17 of them the system's, with 32 to 43.

An array from `Buffers` is like any other. Its memory goes back when the last view of it is gone, wherever that is,
also within TensorFlow, which takes such arrays over without a copy.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

ALIGNMENT = 64
"""TensorFlow takes over an array without a copy if it begins at a multiple of so many bytes."""
SMALLEST = 1 << 16
"""Smaller arrays come from Python's own heap, without faults."""
STEPS = 8
"""Sizes are rounded up to one of so many between a power of two and the next, so that they fit again."""
FREE_AT_MOST = 8
"""Of one size."""

_Bytes = npt.NDArray[np.uint8]


class Buffers:
    """Memory that is free to be used again, by size; any thread may take and give."""

    def __init__(self, free_bytes: int) -> None:
        """`free_bytes` is what may lie unused of one size."""
        self._free_bytes = free_bytes
        self._free: dict[int, deque[_Bytes]] = {}

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array with any content."""
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        if size < SMALLEST or kind.hasobject:
            return np.empty(shape, kind)
        whole = np.asarray(_Lease(self, _rounded(size)))
        return whole[:size].view(kind).reshape(shape)

    def take(self, size: int) -> _Bytes:
        """Memory of a rounded size."""
        try:
            return self._free[size].pop()
        except (KeyError, IndexError):
            return np.empty(size + ALIGNMENT, np.uint8)

    def give(self, size: int, memory: _Bytes) -> None:
        """Memory to be used again.

        Without a lock, since Python may call this in the middle of anything, `take` included; a deque needs none.
        """
        if size not in self._free:
            self._free.setdefault(size, deque(maxlen=max(min(self._free_bytes // size, FREE_AT_MOST), 1)))
        self._free[size].append(memory)


class _Lease:
    """What an array's memory belongs to: numpy keeps it for as long as there is a view."""

    def __init__(self, buffers: Buffers, size: int) -> None:
        self._buffers, self._size = buffers, size
        self._memory = buffers.take(size)
        start = self._memory.ctypes.data
        address = start + -start % ALIGNMENT
        self.__array_interface__ = {"shape": (size,), "typestr": "|u1", "data": (address, False), "version": 3}

    def __del__(self) -> None:
        self._buffers.give(self._size, self._memory)


def _rounded(size: int) -> int:
    step = max((1 << (size - 1).bit_length()) // (2 * STEPS), 1)
    return -(-size // step) * step
