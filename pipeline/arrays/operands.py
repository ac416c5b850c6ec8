"""The arguments and results of an expression's functions: numbers as numpy holds them, texts as Arrow does.

A text is a `pa.Array` of strings, [rows], or a `pa.Scalar` where it is a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.bool_]

Text = Any
"""pa.Array or pa.Scalar of pa.string(); pyarrow ships no types."""


_KINDS = {pa.float64(): np.float64, pa.int32(): np.int32}
"""numpy's types. Arrow knows them too, but imports pandas to say so."""


@dataclass(frozen=True)
class Numbers:
    """The number in each row, or a constant.

    Attributes:
        values: float64, int32, or bool for truths, [rows] or []; any value where it is null.
        valid: bool, [rows] or [], False for null; None where no value is null.
    """

    values: npt.NDArray[Any]
    valid: Bits | None = None

    @property
    def floats(self) -> Floats:
        """The values as float64."""
        return self.values.astype(np.float64, copy=False)

    @property
    def truths(self) -> Bits:
        """Whether a value is not 0; any truth where it is null."""
        return self.values if self.values.dtype == np.bool_ else self.values != 0.0


Value = Numbers | Text


def constant_number(number: float | None) -> Numbers:
    """One number for all rows; None is null."""
    if number is None:
        return Numbers(np.asarray(0.0), np.asarray(np.False_))
    return Numbers(np.asarray(number, np.float64))


def numbers_of(array: pa.Array) -> Numbers:
    """Of doubles, of booleans or of int32, or of one such scalar."""
    if isinstance(array, pa.Scalar):
        return first_of(numbers_of(pa.array([array.as_py()], array.type)))
    buffer = array.buffers()[1]
    if pa.types.is_boolean(array.type):
        return Numbers(_bits(buffer, array), validity_of(array))
    values = np.frombuffer(buffer or b"", _KINDS[array.type], array.offset + len(array))
    return Numbers(values[array.offset :], validity_of(array))


def validity_of(value: Value) -> Bits | None:
    """Where a value is not null; None where that is everywhere."""
    if isinstance(value, Numbers):
        return value.valid
    if isinstance(value, pa.Scalar):
        return None if value.is_valid else np.asarray(np.False_)
    return _bits(value.buffers()[0], value) if value.null_count else None


def mask_of(value: Value) -> Bits:
    """Like `validity_of`, but true instead of None."""
    valid = validity_of(value)
    return np.asarray(np.True_) if valid is None else valid


def _bits(buffer: pa.Buffer, array: pa.Array) -> Bits:
    """A bitmap of an array as booleans."""
    byte, skipped = divmod(array.offset, 8)
    bitmap = np.frombuffer(buffer or b"", np.uint8)[byte:]
    return np.unpackbits(bitmap, count=skipped + len(array), bitorder="little")[skipped:].view(np.bool_)


def bytes_of(text: pa.Array) -> npt.NDArray[np.uint8]:
    """The bytes of all texts, one text after the other."""
    if not len(text):
        return np.zeros(0, np.uint8)
    offsets, data = text.buffers()[1:]
    first, end = np.frombuffer(offsets, np.int32)[[text.offset, text.offset + len(text)]]
    return np.frombuffer(data or b"", np.uint8)[first:end]


def first_of(numbers: Numbers) -> Numbers:
    """The constant that is the first number of an array."""
    return Numbers(numbers.values[0], None if numbers.valid is None else numbers.valid[0])


def array_of(numbers: Numbers, rows: int) -> pa.Array:
    """pa.float64(), [rows]."""
    values, valid = np.ascontiguousarray(_repeated(numbers.floats, rows)), mask_of(numbers)
    bitmap = None if valid.all() else _bitmap(_repeated(valid, rows))
    return pa.Array.from_buffers(pa.float64(), rows, [bitmap, pa.py_buffer(values)])


def _repeated(values: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """One value for each row."""
    return values if values.ndim else np.full(rows, values)


def booleans_of(bits: Bits) -> pa.Array:
    """pa.bool_(), [rows]; a scalar for one truth."""
    if bits.ndim == 0:
        return pa.scalar(bool(bits))
    return pa.Array.from_buffers(pa.bool_(), len(bits), [None, _bitmap(bits)])


def _bitmap(bits: Bits) -> pa.Buffer:
    return pa.py_buffer(np.packbits(bits, bitorder="little"))


def all_valid(values: Iterable[Bits | None]) -> Bits | None:
    """Where all are valid; None where that is everywhere."""
    masks = [mask for mask in values if mask is not None]
    return reduce(np.logical_and, masks) if masks else None


def strict(function: Callable[..., Any]) -> Callable[..., Numbers]:
    """A function of float64 as one of numbers: null of null."""
    return lambda *numbers: Numbers(
        function(*(number.floats for number in numbers)), all_valid(number.valid for number in numbers)
    )


def bounded(function: Callable[..., Any]) -> Callable[..., Numbers]:
    """Like `strict`, for a function whose result may be NaN or infinite: that is null."""
    return lambda *numbers: finite(strict(function)(*numbers))


def finite(numbers: Numbers) -> Numbers:
    """Null where a number is NaN or infinite."""
    return null_unless(np.isfinite(numbers.values), numbers)


def null_unless(valid: Bits, numbers: Numbers) -> Numbers:
    """Null also where a number is not valid."""
    return numbers if valid.all() else Numbers(numbers.values, all_valid((valid, numbers.valid)))


def counted(function: Callable[..., Any]) -> Callable[..., Numbers]:
    """A function of Arrow's that gives truths or whole numbers, as one that gives numbers."""
    return lambda *values: numbers_of(function(*values))


def equal(left: Value, right: Value) -> Numbers:
    """Whether two values are one; null where one of them is."""
    return strict(np.equal)(left, right) if isinstance(left, Numbers) else counted(pc.equal)(left, right)


def either(holds: Bits, value: Numbers, otherwise: Numbers) -> Numbers:
    """The number where something holds, else the other."""
    values = _chosen(holds, value.values, otherwise.values)
    if value.valid is None and otherwise.valid is None:
        return Numbers(values)
    return Numbers(values, _chosen(holds, mask_of(value), mask_of(otherwise)))


def _chosen(holds: Bits, value: npt.NDArray[Any], otherwise: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`np.where` without a branch in each row, which the processor guesses wrong as often as not."""
    if value.dtype == otherwise.dtype == np.bool_:
        return np.asarray((holds & value) | (~holds & otherwise))
    mine, others = (np.asarray(numbers, np.float64).view(np.int64) for numbers in (value, otherwise))
    return np.asarray(((mine ^ others) & -holds.astype(np.int64)) ^ others).view(np.float64)
