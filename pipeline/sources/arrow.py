"""Arrow: files and streams of its IPC format, and Feather, which is the same; also Feather's first version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.sources.registry import SourceFormat

if TYPE_CHECKING:
    import pyarrow as pa

_FILE, _FIRST_FEATHER = b"ARROW1", b"FEA1"


def columns(stream: Any, _: None) -> Mapping[str, pa.DataType]:
    """The columns of a file."""
    with _opened(stream) as (schema, _batches):
        return unambiguous(schema)


def read(stream: Any, _: None) -> Iterator[pa.RecordBatch]:
    """The rows of a file."""
    with _opened(stream) as (_schema, batches):
        yield from batches


def unambiguous(schema: pa.Schema) -> dict[str, pa.DataType]:
    """The types by name.

    Raises:
        ValueError: two columns have one name.
    """
    repeated = next((name for name, count in Counter(schema.names).items() if count > 1), None)
    if repeated is not None:
        raise ValueError(f"column '{repeated}' is there more than once; rename the others")
    return {field.name: field.type for field in schema}


@contextmanager
def _opened(stream: Any) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """The schema and the rows of a file, whose first bytes say which of three layouts it has."""
    from pyarrow import feather, ipc

    from pipeline.sources.decoding.binary_files import seekable

    magic = stream.peek(len(_FILE))[: len(_FILE)]
    if magic.startswith(_FIRST_FEATHER):
        table = feather.read_table(seekable(stream))
        yield table.schema, iter(table.to_batches())
    elif magic == _FILE:
        with ipc.open_file(seekable(stream)) as file:
            yield file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
    else:
        with ipc.open_stream(stream) as batches:
            yield batches.schema, iter(batches)


FORMAT = SourceFormat(
    name="arrow",
    description="Arrow's IPC files and streams, and Feather; a file is read by one task",
    endings=("arrow", "feather", "ipc", "arrows"),
    settings=("merge_schema",),
    columns=columns,
    read=read,
)
