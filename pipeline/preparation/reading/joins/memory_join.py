"""Joins whose right side is in the memory of every task: rows of the left side keep their pieces, lines and order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.masks import Mask, missing_of
from pipeline.arrays.types import plain_type
from pipeline.preparation.reading.joins.key_index import key_texts
from pipeline.preparation.reading.joins.matches import MatchCounts
from pipeline.preparation.reading.joins.right_side import SHOWN_KEYS, RightSide
from pipeline.preparation.reading.piece_scan import LineReader, PieceScan
from pipeline.preparation.reading.raw import RawColumns, RawTable
from pipeline.preparation.reading.scan import Batches, FrameScan, Parts, Scan, collect_parts
from pipeline.sources.decoding.pieces import MALFORMED


@dataclass(frozen=True)
class BatchJoin:
    """Adds columns to batches of the left side; plain data and functions, sent to the tasks.

    Attributes:
        left: the columns of the batches: those wanted, then those of the key that are not among them.
        wanted: names of the columns of the joined batches, in order.
        on: names of the key columns.
        right: the right side.
        keeps_all: whether rows that match none are kept.
    """

    left: RawColumns
    wanted: tuple[str, ...]
    on: tuple[str, ...]
    right: RightSide
    keeps_all: bool

    @property
    def columns(self) -> RawColumns:
        """The columns of the joined batches."""
        right = {name: self.right.columns[name].type for name in self.wanted if name in self.right.columns}
        kinds = {name: right[name] if name in right else self.left.kinds[name] for name in self.wanted}
        return replace(self.left, names=self.wanted, kinds=kinds)

    def texts(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """The keys of a batch."""
        return key_texts([self.left.column(batch, name) for name in self.on])

    def good(self, batch: pa.RecordBatch) -> Mask:
        """Which rows could be read, bool [n]; the others are counted later, and match nothing."""
        if not self.left.has_lines:
            return np.ones(len(batch), np.bool_)
        return missing_of(batch.column(len(self.left.names)))

    def joined(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        """The joined batches; what follows the columns of a batch, such as the text of malformed lines, stays."""
        for batch in batches:
            rows, found = self.right.keys.find(self.texts(batch))
            joined = self._with_right(batch, rows, found)
            yield joined if self.keeps_all else joined.filter(pa.array(found | ~self.good(batch)))

    def _with_right(self, batch: pa.RecordBatch, rows: npt.NDArray[np.int64], found: Mask) -> pa.RecordBatch:
        places, own = pa.array(rows, mask=~found), len(self.left.names)
        columns = dict(zip(self.left.names, batch.columns, strict=False))
        columns |= {name: self.right.columns[name].take(places) for name in self.wanted if name in self.right.columns}
        names = [*(f"r{i}" for i in range(len(self.wanted))), *batch.schema.names[own:]]
        return pa.RecordBatch.from_arrays([*(columns[name] for name in self.wanted), *batch.columns[own:]], names)


@dataclass(frozen=True)
class MemoryJoin:
    """A left side and how its batches are joined.

    Attributes:
        left: the left side.
        batches: joins its batches.
    """

    left: RawTable
    batches: BatchJoin

    def joined(self) -> RawTable:
        """The joined rows, lazily."""
        parser = self.left.parser

        def parsed(numbers: Collection[str]) -> Scan:
            assert parser is not None
            # Keys are compared as texts.
            own = [name for name in numbers if name in self.left.names and name not in self.batches.on]
            return self._scan(parser(own))

        return RawTable(self.batches.columns, self._scan(self.left.scan), None if parser is None else parsed)

    def counts(self) -> MatchCounts:
        """How many rows match, in a pass over the keys."""
        batch_join = self.batches

        def count(batches: Batches) -> Parts:
            rows, found, missed = 0, 0, list[Sequence[str | None]]()
            for batch in batches:
                texts, good = batch_join.texts(batch), batch_join.good(batch)
                matching = batch_join.right.keys.find(texts)[1] & good
                rows, found = rows + int(good.sum()), found + int(matching.sum())
                for row in np.flatnonzero(good & ~matching)[: SHOWN_KEYS - len(missed)].tolist():
                    missed.append([column[row].as_py() for column in texts])
            kind = pa.list_(pa.list_(pa.string()))
            return {"counts": pa.table({"rows": [rows], "found": [found], "missed": pa.array([missed], kind)})}

        parts = [part.to_pylist()[0] for part in collect_parts(self.left.scan, count).get("counts", [])]
        keys = batch_join.right.keys
        right = [[column[row].as_py() for column in keys.texts] for row in keys.rows[:SHOWN_KEYS].tolist()]
        missed = [key for part in parts for key in part["missed"]][:SHOWN_KEYS]
        return MatchCounts(sum(part["rows"] for part in parts), sum(part["found"] for part in parts), missed, right)

    def _scan(self, scan: Scan) -> Scan:
        if isinstance(scan, PieceScan):
            lines = scan.lines
            joined_lines = lines and LineReader(_composed(lines.read, self.batches), lines.count)
            return replace(scan, read=_composed(scan.read, self.batches), lines=joined_lines)
        columns, batch_join = self.batches.columns, self.batches
        schema = pa.schema([(f"r{i}", plain_type(columns.kinds[name])) for i, name in enumerate(columns.names)])
        if columns.has_lines:
            schema = schema.append(pa.field(MALFORMED, pa.string()))

        def work(_: int, batches: Batches) -> Batches:
            for batch in batch_join.joined(batches):
                cast = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(cast, schema=schema)

        return FrameScan(scan.mapped(work, schema))


def _composed(read: Callable[[Any], Batches], batch_join: BatchJoin) -> Callable[[Any], Batches]:
    return lambda piece: batch_join.joined(read(piece))
