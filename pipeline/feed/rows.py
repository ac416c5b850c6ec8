"""Rows of a store as numpy columns: what the feed moves around."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.feed.layout import Column, Layout, TensorLayout
from pipeline.schemas.store_schema import ROW_ID
from pipeline.schemas.tensors import TensorSpec, described

COLUMNS_AT_ONCE = 64
"""Columns that are read and transposed together, which bounds what a very wide row group takes besides itself."""

TENSOR = "tensor:"
"""Prefix of the names of tensors, where all columns of rows are named together."""

Empty = Callable[[tuple[int, ...], npt.DTypeLike], npt.NDArray[Any]]
"""Allocates an array of a shape and a type, with any content."""


@dataclass(frozen=True)
class Rows:
    """n rows.

    Attributes:
        tensors: arrays by name, [n, *shape] each as its spec says; texts are objects that hold UTF-8 bytes.
        label: float64 [n], in the label's own unit, or class ids.
        row_id: int64 [n].
        weight: float32 [n], how much each row counts in training.
    """

    tensors: Mapping[str, npt.NDArray[Any]]
    label: npt.NDArray[np.float64]
    row_id: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]

    def __len__(self) -> int:
        """n."""
        return len(self.label)

    @property
    def nbytes(self) -> int:
        """Bytes in memory, including the content of texts."""
        return sum(array.nbytes + _content_bytes(array) for array in self.arrays().values())

    def take(self, rows: npt.NDArray[np.int64] | slice, empty: Empty = np.empty) -> Rows:
        """Some of the rows: a copy for positions, a view for a slice.

        Args:
            rows: positions, none of which may be negative, or a slice.
            empty: allocates the arrays of a copy.
        """
        if isinstance(rows, slice):
            return Rows.of_arrays({name: array[rows] for name, array in self.arrays().items()})
        taken = {}
        for name, array in self.arrays().items():
            out = empty((len(rows), *array.shape[1:]), array.dtype)
            taken[name] = np.take(array, rows, axis=0, out=out, mode="clip")  # `raise` would copy once more
        return Rows.of_arrays(taken)

    def with_class_weights(self, class_weights: Sequence[float] | None) -> Rows:
        """The same rows, with each weight multiplied by that of the row's class; None changes nothing."""
        if class_weights is None:
            return self
        factor = np.asarray(class_weights, np.float32)[self.label.astype(np.int64)]
        return replace(self, weight=self.weight * factor)

    def read_only(self) -> Rows:
        """The same rows, with arrays that cannot be written to."""
        for array in self.arrays().values():
            array.flags.writeable = False
        return self

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, tensors with the prefix `TENSOR`."""
        return {
            **{TENSOR + name: array for name, array in self.tensors.items()},
            "label": self.label,
            "row_id": self.row_id,
            "weight": self.weight,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Rows:
        """The inverse of `arrays`."""
        tensors = {name.removeprefix(TENSOR): array for name, array in arrays.items() if name.startswith(TENSOR)}
        return cls(tensors, arrays["label"], arrays["row_id"], arrays["weight"])


def read_rows(layout: Layout, read: Any, rows: slice, empty: Empty = np.empty) -> Rows:
    """Read a row group, or some of its rows.

    Args:
        layout: how the columns of rows are made.
        read: reads the columns of these names as an Arrow table.
        rows: the rows to take.
        empty: allocates arrays to read into.

    Raises:
        ValueError: naming the column that does not match the layout.
    """
    singles = read([layout.label, ROW_ID, *(layout.weight.sources if layout.weight else ())])
    label, row_id = (_values(singles.column(name), name)[rows] for name in (layout.label, ROW_ID))
    return Rows(
        {tensor.spec.name: _tensor(tensor, read, rows, empty) for tensor in layout.tensors},
        label.astype(np.float64),
        row_id.astype(np.int64),
        _column_values(layout.weight, singles, rows).astype(np.float32)
        if layout.weight
        else np.ones(len(label), np.float32),
    )


def dtype_of(spec: TensorSpec) -> np.dtype[Any]:
    """The numpy type of a tensor."""
    return np.dtype(object if spec.dtype in ("string", "binary") else spec.dtype)


def check_tensors(specs: Sequence[TensorSpec], tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    """Check that tensors are what the specs say.

    Raises:
        ValueError: naming a tensor, with its spec and what was read.
    """
    for spec in specs:
        array = tensors.get(spec.name)
        if array is None:
            raise ValueError(f"tensor '{spec.name}' is {spec} in the store's contract, and missing in the rows")
        if array.dtype != dtype_of(spec) or array.shape[1:] != spec.shape:
            is_text = array.dtype.hasobject
            received = described("string" if is_text else array.dtype.name, array.shape[1:])
            raise ValueError(f"tensor '{spec.name}' is {spec} in the store's contract, and {received} in the rows")


def _tensor(layout: TensorLayout, read: Any, rows: slice, empty: Empty) -> npt.NDArray[Any]:
    if layout.columns is None:
        return _whole(layout.spec, read([layout.spec.name]).column(layout.spec.name), rows)
    return _matrix(layout.columns, read, rows, dtype_of(layout.spec), empty)


def _matrix(columns: Sequence[Column], read: Any, rows: slice, dtype: np.dtype[Any], empty: Empty) -> npt.NDArray[Any]:
    """Columns as a row-major matrix.

    Each column is first copied to a line of its own, and the lines are then transposed together: 41 ns a row for 52
    columns, measured alone, against 105 for writing column after column into the matrix.
    """
    count = rows.stop - rows.start
    matrix = empty((count, len(columns)), dtype)
    for first in range(0, len(columns), COLUMNS_AT_ONCE):
        some = columns[first : first + COLUMNS_AT_ONCE]
        table = read(list(dict.fromkeys(name for column in some for name in column.sources)))
        lines = empty((len(some), count), dtype)
        for line, column in zip(lines, some, strict=True):
            line[:] = _column_values(column, table, rows)
        matrix[:, first : first + len(some)] = lines.T
    return matrix


def _column_values(column: Column, table: pa.Table, rows: slice) -> npt.NDArray[Any]:
    return column.make(*(_values(table.column(name), name)[rows] for name in column.sources))


def _values(column: pa.ChunkedArray, name: str) -> npt.NDArray[Any]:
    _refuse_nulls(column, name)
    values: npt.NDArray[Any] = column.to_numpy()
    return values


def _refuse_nulls(column: pa.ChunkedArray | pa.Array, name: str) -> None:
    if column.null_count:
        raise ValueError(f"column '{name}' has {column.null_count} nulls, and a store has none")


def _whole(spec: TensorSpec, column: pa.ChunkedArray, rows: slice) -> npt.NDArray[Any]:
    """A tensor from one column: [n, *shape], padded if its lists are ragged."""
    _refuse_nulls(column, spec.name)
    some = column.slice(rows.start, rows.stop - rows.start).combine_chunks()
    if not spec.shape:
        return _flat(spec, some)
    lengths = np.asarray(some.value_lengths()) if not pa.types.is_fixed_size_list(some.type) else None
    wanted = int(np.prod(spec.shape))
    if lengths is None:
        lengths = np.full(len(some), some.type.list_size)
    wrong = lengths > wanted if spec.ragged else lengths != wanted
    if wrong.any():
        allowed = f"at most {wanted}" if spec.ragged else str(wanted)
        raise ValueError(f"column '{spec.name}' has a list of {lengths[wrong][0]} values where {allowed} are allowed")
    values = some.flatten()
    _refuse_nulls(values, spec.name)
    flat = _flat(spec, values)
    if not spec.ragged:
        return flat.reshape(len(some), *spec.shape)
    padded = np.full((len(some), wanted), spec.padding, flat.dtype)
    padded[np.arange(wanted) < lengths[:, None]] = flat
    return padded


def _flat(spec: TensorSpec, values: pa.Array) -> npt.NDArray[Any]:
    if spec.dtype in ("string", "binary"):
        texts: npt.NDArray[Any] = values.cast(pa.large_binary()).to_numpy(zero_copy_only=False)
        return texts
    numbers: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return numbers.astype(spec.dtype, copy=False)


def _content_bytes(array: npt.NDArray[Any]) -> int:
    """Bytes that the texts of an array hold; 0 for other arrays."""
    if array.dtype != object:
        return 0
    values = pa.array(array.ravel(), pa.large_binary())
    return int(values.nbytes) + 33 * len(values)
