"""A source table with the columns of a right side added.

Tasks look rows up in a right side in memory (`memory_join.py`); a large one is joined by Spark (`spark_join.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache

import pyarrow as pa

from pipeline.config.joins import JoinConfig
from pipeline.errors import DataError, nearest
from pipeline.preparation.reading.column_types import column_types
from pipeline.preparation.reading.joins.matches import check_matches
from pipeline.preparation.reading.joins.memory_join import BatchJoin, MemoryJoin
from pipeline.preparation.reading.joins.right_side import MOST_BYTES, RightSide, is_small, read_right_side
from pipeline.preparation.reading.joins.spark_join import SparkJoin
from pipeline.preparation.reading.raw import RawTable, SourceTable
from pipeline.schemas.source_contract import ColumnType
from pipeline.schemas.text_reading import PLAIN

log = logging.getLogger(__name__)

_KINDS: Mapping[ColumnType, pa.DataType] = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}


def joined_table(left: SourceTable, right: SourceTable, join: JoinConfig, title: str) -> SourceTable:
    """The table of a left side with the columns of a right side.

    Args:
        left: the left side.
        right: the right side.
        join: how they are joined.
        title: what the right side is called in messages.

    Raises:
        DataError: a side lacks a key column, or both have a column of one name.
    """
    right = right.knowing(join.on)
    for side, table in (("the left side", left.knowing(join.on)), (title, right)):
        absent = next((name for name in join.on if table.occurrences[name] != 1), None)
        if absent is not None:
            raise DataError(f"Column '{absent}' of 'on' is not once in {side}. {nearest(absent, table.names)}")
    names = {join.prefix + name: name for name in right.unique_names if name not in join.on}
    _check_names(left, names, title)
    kinds = _kinds(left, right, names)

    @cache
    def right_side(wanted: tuple[str, ...]) -> RightSide | RawTable:
        """The right side in memory, or as it is where it is large."""
        raw = right.reader([*join.on, *(names[name] for name in wanted)])
        if not is_small(raw):
            log.info("Spark joins %s: its columns take more than %s bytes.", title, f"{MOST_BYTES:,}")
            return raw
        return read_right_side(raw, join.on, {name: names[name] for name in wanted}, kinds, title)

    def sides(wanted: Sequence[str]) -> MemoryJoin | SparkJoin:
        own, joined = _divided(wanted, names)
        raw = left.knowing(join.on).reader([*own, *(name for name in join.on if name not in own)])
        side = right_side(joined)
        if isinstance(side, RightSide):
            return MemoryJoin(raw, BatchJoin(raw.columns, tuple(wanted), join.on, side, join.how == "left"))
        chosen = {name: kinds[name] for name in joined}
        return SparkJoin(raw, side, tuple(wanted), join.on, chosen, keeps_all=join.how == "left", title=title)

    def read(wanted: Sequence[str]) -> RawTable:
        return sides(wanted).joined()

    def check() -> None:
        check_matches(sides(()).counts(), join, title)

    scan = None
    if left.scan is not None or right.scan is not None:
        scan = lambda: joined_table(_scanned(left), _scanned(right), join, title)  # noqa: E731
    return SourceTable(
        (*left.names, *names),
        {**left.kinds, **kinds},
        left.is_text,
        read,
        scan=scan,
        first_line=left.first_line,
        signs=left.signs,
        checks=(*left.checks, check),
        objects=left.objects | {joined for joined, name in names.items() if name in right.objects},
    )


def _divided(wanted: Sequence[str], names: Mapping[str, str]) -> tuple[list[str], tuple[str, ...]]:
    """The columns of the left side, and those of the right side."""
    return [name for name in wanted if name not in names], tuple(name for name in wanted if name in names)


def _kinds(left: SourceTable, right: SourceTable, names: Mapping[str, str]) -> dict[str, pa.DataType]:
    """The types of the joined columns: texts beside a left side of a text format, since they are typed together."""
    if left.is_text:
        return dict.fromkeys(names, pa.string())
    if not right.is_text:
        return {joined: right.kinds[name] for joined, name in names.items()}
    readings = column_types(right, {})
    # Numbers that are written otherwise stay texts.
    plain = {name: reading.type for name, reading in readings.items() if reading.reading == PLAIN}
    return {joined: _KINDS.get(plain.get(name, "text"), pa.string()) for joined, name in names.items()}


def _scanned(table: SourceTable) -> SourceTable:
    return table if table.scan is None else table.scan()


def _check_names(left: SourceTable, names: Mapping[str, str], title: str) -> None:
    folded = {name.lower(): name for name in left.names}
    both = next((name for name in names if name.lower() in folded), None)
    if both is not None:
        raise DataError(
            f"Column '{both}' of {title} would have the name of column '{folded[both.lower()]}' of the left side. "
            "Allowed: other names. Set a prefix for the join; or score.joins: [], to score rows that have its columns."
        )
