"""The footer of a store's file, checked against manifest and contract."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.feed.layout import Layout
from pipeline.schemas.store_schema import ColumnSpec
from pipeline.store.manifest import FileEntry

_LABEL_TYPES = ("int32", "int64", "float32", "float64")


def check_footer(layout: Layout, file: FileEntry, footer: pq.FileMetaData) -> None:
    """Check row groups and the types of columns.

    Raises:
        ValueError: naming what does not match.
    """
    if footer.num_row_groups != len(file.row_groups):
        raise ValueError(f"it has {footer.num_row_groups} row groups where the manifest says {len(file.row_groups)}")
    types = {field.name: field.type for field in footer.schema.to_arrow_schema()}
    for column in layout.stored:
        actual = types.get(column.name)
        if actual is None or not _fits(column, actual):
            has = "no such column" if actual is None else str(actual)
            raise ValueError(f"column '{column.name}' is {_described(column)} in the contract, and {has} in the file")


def _described(column: ColumnSpec) -> str:
    if not column.shape:
        return column.type
    return f"a list of {'at most ' if column.ragged else ''}{'x'.join(map(str, column.shape))} {column.type}"


def _fits(column: ColumnSpec, actual: Any) -> bool:
    if column.shape:
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(is_list(actual) for is_list in lists) and _is_type(column.type, actual.value_type)
    if column.role == "label":
        return any(_is_type(name, actual) for name in _LABEL_TYPES)
    return _is_type(column.type, actual)


def _is_type(name: str, actual: Any) -> bool:
    if name == "string":
        return bool(pa.types.is_string(actual) or pa.types.is_large_string(actual))
    if name == "binary":
        return bool(pa.types.is_binary(actual) or pa.types.is_large_binary(actual))
    types = {"float32": pa.float32(), "float64": pa.float64(), "int32": pa.int32(), "int64": pa.int64()}
    return bool(actual == types[name])
