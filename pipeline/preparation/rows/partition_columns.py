"""The columns that partitions keep of a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.preparation.rows.split import order_of, shard_of
from pipeline.preparation.rows.typed_rows import SPLIT, RowPlacement, Rows, TypedRows

_LABEL, _CLASS, _SPELLING, _WEIGHT = "label", "class", "spelling", "weight"
_TIMESTAMP, _GROUP = "timestamp", "group"
_VALUES, _ID, _HASH, _SPLIT = "values", "row_id", "row_hash", "split"


@dataclass(frozen=True)
class PartitionColumns:
    """The columns that are kept of a row; plain data, sent to the tasks.

    Attributes:
        numbers: raw and derived columns that are numbers.
        texts: raw and derived columns that are texts.
        column: the column of an assignment, with the group of each row.
        keyed: whether rows have a key, and so more than one hash.
        seed: the seed of the shards and of the order of rows.
    """

    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    column: str
    keyed: bool
    seed: int

    def table(self, rows: Rows) -> pa.Table:
        """The kept columns of a batch; values are named `0`, `1`, ..., since a column may have any name."""
        typed, placement = rows.typed, rows.placement
        columns = {str(i): typed.values[name] for i, name in enumerate((*self.numbers, *self.texts))}
        columns |= {_LABEL: typed.label_number, _CLASS: typed.label_text}
        columns |= {_SPELLING: typed.label_spelling, _WEIGHT: typed.weight}
        columns |= {
            _HASH: placement.row_hash,
            _SPLIT: placement.split,
            _TIMESTAMP: placement.timestamp,
            _GROUP: placement.group,
        }
        columns |= {_VALUES: placement.values, _ID: placement.row_id} if self.keyed else {}
        columns |= {self.column: placement.of(self.column)} if self.column != SPLIT else {}
        return pa.table({name: pa.array(column) for name, column in columns.items() if column is not None})

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """The rows of a kept batch; without source columns that no feature uses."""
        columns = _arrays(batch)
        typed = TypedRows(
            count=len(batch),
            raw={},
            values={name: columns[str(index)] for index, name in enumerate((*self.numbers, *self.texts))},
            good=np.ones(len(batch), bool),
            label_number=columns[_LABEL],
            label_text=columns[_CLASS],
            label_spelling=columns.get(_SPELLING),
            weight=columns.get(_WEIGHT),
        )
        return Rows(typed, self.placement(batch))

    def placement(self, batch: pa.RecordBatch) -> RowPlacement:
        """The placement of the rows of a batch, which needs only the columns selected by `is_placement`."""
        columns = _arrays(batch)
        row_hash = columns[_HASH].to_numpy()
        return RowPlacement(
            values=columns[_VALUES].to_numpy() if self.keyed else row_hash,
            row_id=columns[_ID].to_numpy() if self.keyed else row_hash,
            row_hash=row_hash,
            split=columns[_SPLIT].to_numpy(),
            shard=shard_of(self.seed, row_hash),
            order=order_of(self.seed, row_hash),
            timestamp=columns.get(_TIMESTAMP),
            group=columns.get(_GROUP),
            folds={} if self.column == SPLIT else {self.column: columns[self.column].to_numpy()},
        )

    def is_placement(self, name: str) -> bool:
        """Whether a kept column belongs to the placement of a row, not to its values."""
        return not name.isdecimal() and name not in (_LABEL, _CLASS, _SPELLING, _WEIGHT)


def _arrays(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))
