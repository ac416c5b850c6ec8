"""xxHash64 of whole columns, equal to Spark's `xxhash64` to the bit: it decides splits, shards, orders and ids of rows.

    hash_of([a, b])    row i: xxh64(b[i], seed=xxh64(a[i], seed=42)), a null leaving the seed as it is

Values are hashed as Spark hashes them: a double by its 64 bits (one NaN for all, and -0.0 as 0.0), a text by its bytes
in UTF-8. Source: Yann Collet, xxHash specification 0.1.1, and Spark's `XXH64.java`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.masks import valid_of
from pipeline.arrays.xxhash import Hashes, TextBytes, hash_integers, hash_longs, hash_texts

Integers = npt.NDArray[np.int64]

SEED = 42

_CHUNK = 1 << 13
"""Rows that are hashed at once: their many intermediate arrays stay in the processor's cache."""
_UNIT = float(1 << 53)
_MOST_32_BITS = 1 << 31

_Kernel = Callable[[slice, Hashes], Hashes]
"""From some rows of a column and their seeds to their hashes."""


def hash_of(columns: Sequence[pa.Array]) -> Integers:
    """int64 [n]: one hash a row, over doubles, int64, int32 and strings; null values are skipped."""
    hashed = np.full(len(columns[0]), SEED, np.uint64)
    kernels = [
        (_kernel(column), valid_of(column) if column.null_count else None)
        for column in columns
        if column.null_count < len(column)
    ]
    for start in range(0, len(hashed), _CHUNK):
        rows = slice(start, start + _CHUNK)
        for kernel, valid in kernels:
            after = kernel(rows, hashed[rows])
            hashed[rows] = after if valid is None else np.where(valid[rows], after, hashed[rows])
    return hashed.view(np.int64)


def salted(purpose: str, seed: int, values: Integers) -> Integers:
    """int64 [n]: a hash of each value that is independent for each purpose and seed."""
    return _salted(_salt(purpose, seed), values)


def salted_once(purpose: str, values: Integers) -> Integers:
    """int64 [n]: the same without a seed."""
    return _salted(_salt(purpose, None), values)


def uniform(hashed: Integers) -> npt.NDArray[np.float64]:
    """float64 [n] in [0, 1): the upper 53 bits, which a double holds exactly."""
    upper: npt.NDArray[np.float64] = (hashed.view(np.uint64) >> np.uint64(11)).astype(np.float64)
    return upper / _UNIT


def _kernel(column: pa.Array) -> _Kernel:
    if pa.types.is_string(column.type):
        texts = TextBytes(column)
        return lambda rows, seeds: hash_texts(texts, rows, seeds)
    # Whatever stands where there is null is not looked at.
    values = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())
    values = values[column.offset : column.offset + len(column)]
    if values.dtype == np.int32:
        return lambda rows, seeds: hash_integers(values[rows].view(np.uint32), seeds)
    if values.dtype == np.float64:
        return lambda rows, seeds: hash_longs(_bits(values[rows]), seeds)
    return lambda rows, seeds: hash_longs(values[rows].view(np.uint64), seeds)


def _bits(values: npt.NDArray[np.float64]) -> Hashes:
    """Of doubles: one NaN for all, and those of 0.0 for -0.0, which adding 0.0 makes of it."""
    numbers = values + 0.0
    absent = np.isnan(numbers)
    if absent.any():
        numbers[absent] = np.nan
    return numbers.view(np.uint64)


def _salted(salt: int, values: Integers) -> Integers:
    hashed = np.full(len(values), salt, np.uint64)
    for start in range(0, len(hashed), _CHUNK):
        rows = slice(start, start + _CHUNK)
        hashed[rows] = hash_longs(values[rows].view(np.uint64), hashed[rows])
    return hashed.view(np.int64)


def _salt(purpose: str, seed: int | None) -> int:
    """Spark takes a seed that fits into 32 bits for a number of 32 bits."""
    salt = hash_texts(TextBytes(pa.array([purpose])), slice(0, 1), np.array([SEED], np.uint64))
    if seed is None:
        return int(salt[0])
    if -_MOST_32_BITS <= seed < _MOST_32_BITS:
        return int(hash_integers(np.array([seed & 0xFFFFFFFF], np.uint32), salt)[0])
    return int(hash_longs(np.array([seed], np.int64).view(np.uint64), salt)[0])
