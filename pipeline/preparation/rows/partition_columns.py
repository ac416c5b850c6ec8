"""The columns of a row that partitions keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.preparation.rows.split import order_of, shard_of
from pipeline.preparation.rows.typed_rows import SPLIT, RowPlacement, Rows, TypedRows

_LABEL, _CLASS, _WEIGHT, _TIMESTAMP, _GROUP = "label", "class", "weight", "timestamp", "group"
_VALUES, _ID, _HASH, _SPLIT = "values", "row_id", "row_hash", "split"


@dataclass(frozen=True)
class PartitionColumns:
    """What is kept of a row; plain data, which goes to the tasks.

    Attributes:
        numbers: raw and derived columns that are numbers.
        texts: those that are texts.
        column: of the groups, in the words of an assignment.
        keyed: whether rows have a key, and so more hashes than one.
        seed: of shards and of the order of rows.
    """

    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    column: str
    keyed: bool
    seed: int

    def table(self, rows: Rows) -> pa.Table:
        """What is kept of a batch; values under `0`, `1`, ..., since columns may be called anything."""
        typed, placement = rows.typed, rows.placement
        columns = {str(i): typed.values[name] for i, name in enumerate((*self.numbers, *self.texts))}
        columns |= {_LABEL: typed.label_number, _CLASS: typed.label_text, _WEIGHT: typed.weight}
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
        """What was kept, as rows; columns of the source that no feature is made of are missing."""
        columns = _arrays(batch)
        typed = TypedRows(
            count=len(batch),
            raw={},
            values={name: columns[str(index)] for index, name in enumerate((*self.numbers, *self.texts))},
            good=np.ones(len(batch), bool),
            label_number=columns[_LABEL],
            label_text=columns[_CLASS],
            weight=columns.get(_WEIGHT),
        )
        return Rows(typed, self.placement(batch))

    def placement(self, batch: pa.RecordBatch) -> RowPlacement:
        """Where rows belong; the columns of which `is_placement` is true are enough."""
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
        """Whether a column that is kept tells where a row belongs, and nothing of its values."""
        return not name.isdecimal() and name not in (_LABEL, _CLASS, _WEIGHT)


def _arrays(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))
