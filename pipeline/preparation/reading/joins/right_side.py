"""The right side of a join: if it is small, it is read once and sent to the tasks that read the left side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import number_of, raw_text
from pipeline.arrays.types import is_text, plain_type
from pipeline.errors import DataError
from pipeline.formatting import counted, listed
from pipeline.preparation.reading.joins.key_index import KeyIndex, key_texts
from pipeline.preparation.reading.raw import RawColumns, RawTable
from pipeline.preparation.reading.scan import Batches, Parts, collect_parts
from pipeline.sources.decoding.pieces import MALFORMED

MOST_BYTES = 128 << 20
"""Of the wanted columns of a right side that is held in memory, by the driver and by every Python task."""
SHOWN_KEYS = 3


@dataclass(frozen=True)
class RightSide:
    """The wanted columns of a right side, and the index of its keys; plain data.

    Attributes:
        columns: the columns by their names in the joined source.
        keys: the index.
    """

    columns: Mapping[str, pa.Array]
    keys: KeyIndex


def read_right_side(
    raw: RawTable, on: Sequence[str], names: Mapping[str, str], kinds: Mapping[str, pa.DataType], title: str
) -> RightSide:
    """Read a right side that is small, see `is_small`.

    Args:
        raw: its key columns, then the wanted ones.
        on: the key columns.
        names: the wanted columns: their names in the joined source, and in the right side.
        kinds: the types of the wanted columns in the joined source.
        title: what the right side is called in messages.

    Raises:
        DataError: it has a key more than once or malformed lines, or a column with values that are not of the type of
            the others.
    """
    table = _collected(raw, title)
    index = KeyIndex.of(key_texts([table[name].combine_chunks() for name in on]))
    _check_distinct(index, on, title)
    columns = {
        joined: typed(table[name].combine_chunks(), kinds[joined], f"Column '{joined}' of {title}")
        for joined, name in names.items()
    }
    return RightSide(columns, index)


def is_small(raw: RawTable) -> bool:
    """Whether a right side fits in the memory of every task; reads it."""

    def measure(batches: Batches) -> Parts:
        return {"bytes": pa.table({"bytes": [sum(batch.nbytes for batch in batches)]})}

    parts = collect_parts(raw.scan, measure).get("bytes", [])
    return sum(int(part["bytes"][0].as_py()) for part in parts) <= MOST_BYTES


def _collected(raw: RawTable, title: str) -> pa.Table:
    """All rows, in the order of the pieces.

    Raises:
        DataError: some are malformed.
    """
    columns = raw.columns
    schema = pa.schema([(name, plain_type(columns.kinds[name])) for name in columns.names])
    schema = schema.append(pa.field(MALFORMED, pa.string()))

    def collect(batches: Batches) -> Parts:
        return {"rows": pa.Table.from_batches([_plain(columns, batch, schema) for batch in batches], schema)}

    table = pa.concat_tables([schema.empty_table(), *collect_parts(raw.scan, collect).get("rows", [])])
    check_well_formed(table[MALFORMED], title)
    return table


def check_well_formed(malformed: pa.Array | pa.ChunkedArray, title: str) -> None:
    """Check the texts of malformed lines of a right side.

    Raises:
        DataError: there are some.
    """
    lines = malformed.drop_null()
    if len(lines):
        raise DataError(
            f"{title} has {counted(len(lines), 'malformed line')}, such as '{lines[0].as_py()[:80]}'. Correct "
            "it: a join sets no rows of its right side aside."
        )


def _plain(columns: RawColumns, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [columns.column(batch, name).cast(schema.field(name).type) for name in columns.names]
    malformed = batch.column(len(columns.names)) if columns.has_lines else pa.nulls(len(batch))
    return pa.RecordBatch.from_arrays([*arrays, malformed.cast(pa.string())], schema=schema)


def _check_distinct(index: KeyIndex, on: Sequence[str], title: str) -> None:
    repeated = index.repeated()
    if len(repeated):
        keys = [[column[row].as_py() for column in index.texts] for row in repeated[:SHOWN_KEYS].tolist()]
        raise repeated_keys(title, len(repeated), [shown_key(on, key) for key in keys])


def repeated_keys(title: str, rows: int, keys: Sequence[str]) -> DataError:
    """The error of a right side where `rows` rows have the key of another one; `keys` are examples."""
    return DataError(
        f"{title} has {counted(rows, 'row')} whose key another row has: {listed(dict.fromkeys(keys))}. "
        "Allowed: one row a key, or rows of the left side would be repeated. Keep one of them, or sum them up."
    )


def shown_key(on: Sequence[str], key: Sequence[str | None]) -> str:
    """A key in messages: `a '1' and b null`."""
    parts = (f"{name} {'null' if text is None else repr(text)}" for name, text in zip(on, key, strict=True))
    return " and ".join(parts)


def typed(column: pa.Array, kind: pa.DataType, title: str) -> pa.Array:
    """A column in its type in the joined source: as texts, or texts as numbers or truth values.

    Raises:
        DataError: a text is no number.
    """
    if plain_type(kind) == column.type:
        return column
    if is_text(kind):
        return raw_text(column)
    numbers = number_of(column)
    odd = column.filter(pc.and_(column.is_valid(), numbers.is_null()))
    if len(odd):
        raise DataError(
            f"{title} holds numbers, but {counted(len(odd), 'value')} cannot be read as one, such as "
            f"'{odd[0].as_py()}'. Correct them, or name them in null_values of its source."
        )
    return numbers.cast(kind)
