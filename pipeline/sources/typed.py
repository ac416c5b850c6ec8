"""Batches of files that have types, in the types that the source has."""

from __future__ import annotations

import pyarrow as pa


def typed_batch(batch: pa.RecordBatch, columns: pa.Schema) -> pa.RecordBatch:
    """The same rows with exactly these columns; one that the file lacks is null.

    Raises:
        pa.ArrowInvalid: a value does not fit its type.
    """
    return pa.RecordBatch.from_arrays([_column(batch, field) for field in columns], schema=columns)


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name not in batch.schema.names:
        return pa.nulls(len(batch), field.type)
    return batch.column(batch.schema.get_field_index(field.name)).cast(field.type)
