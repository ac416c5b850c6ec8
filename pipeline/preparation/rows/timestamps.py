"""A time column as timestamps on an axis of doubles, see `arrays/times.py`, and cuts of that axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import raw_text
from pipeline.arrays.times import dated_by_type, timestamp_of
from pipeline.config.timestamp import text_of
from pipeline.errors import ConfigError, DataError, Problem
from pipeline.preparation.reading.raw import RawTable
from pipeline.preparation.reading.scan import Batches, Parts, Scan, collect_parts

MIN_CELLS = 100
"""Cuts are borders of equal cells, of which there are at least so many between the first and the last timestamp."""

_DATE_UNITS = (86_400.0, 3600.0, 60.0, 1.0)
_UNIT_NAMES = {86_400.0: "day", 3600.0: "hour", 60.0: "minute", 1.0: "second"}


@dataclass(frozen=True)
class TimeColumn:
    """A column that holds timestamps.

    Attributes:
        name: in the source.
        dated: whether its values are dates and times, not numbers.
    """

    name: str
    dated: bool

    def text(self, timestamp: float) -> str:
        """A timestamp in readable form."""
        return text_of(timestamp) if self.dated else f"{timestamp:.15g}"

    def timestamps(self, values: pa.Array) -> pa.Array:
        """float64 [n]: the timestamp of each row; null where the value is missing or cannot be parsed."""
        return timestamp_of(values, dated=self.dated)


Columns = Callable[[Batches], Iterator[pa.Array]]
"""Extracts the time column in a task: an array for each batch."""


def column_of(raw: RawTable, name: str) -> Columns:
    """Extracts a column of the source."""
    raw_columns = raw.columns
    return lambda batches: (raw_columns.column(batch, name) for batch in batches)


def open_time(
    scan: Scan,
    columns: Columns,
    kind: pa.DataType,
    name: str,
    *,
    given: Sequence[float | str],
    gap: float | str | None = None,
) -> TimeColumn:
    """Determine whether a column holds dates or numbers: by its type, else by the cuts, else by its texts.

    Args:
        scan: the rows.
        columns: extracts the column.
        kind: the Arrow type of the column.
        name: its name in the source.
        given: the configured cuts.
        gap: the configured gap.

    Raises:
        ConfigError: cuts or gap are dates although the column holds numbers, or vice versa.
        DataError: the column's type is neither.
    """
    dated = dated_by_type(kind, name)
    if dated is None:
        dated = isinstance(given[0], str) if given else _holds_dates(scan, columns)
    settings = [*given, *([] if gap is None else [gap])]
    for setting in settings:
        if isinstance(setting, str) != dated:
            allowed = "dates like 2024-06-30, and lengths like 7d" if dated else "numbers"
            remedy = "Write the cuts and the gap of the split in the same form"
            holds = f"Column '{name}' (data.time) holds {'dates' if dated else 'numbers'}"
            raise ConfigError(str(Problem(holds, allowed, str(setting), remedy)))
    return TimeColumn(name, dated)


def _holds_dates(scan: Scan, columns: Columns) -> bool:
    """Whether more texts are dates than numbers; one query."""

    def count(batches: Batches) -> Parts:
        counts = np.zeros(2, np.int64)
        for column in columns(batches):
            counts += [len(column) - timestamp_of(column, dated=dated).null_count for dated in (False, True)]
        return {"counts": pa.table({"count": counts})}

    parts = collect_parts(scan, count).get("counts", [])
    numbers, dates = np.sum([part["count"].to_numpy() for part in parts], axis=0) if parts else (0, 0)
    return bool(dates >= numbers)


def find_cuts(scan: Scan, columns: Columns, time: TimeColumn, shares: Sequence[float]) -> tuple[tuple[float, ...], str]:
    """Find the cuts for which the shares of the rows before them are closest to given ones; two queries.

    A cut is the beginning of a cell that has rows. Cells are a day, hour, minute or second long, or a power of ten for
    numbers, so that there are at least `MIN_CELLS` of them; the result depends on nothing but the values.

    Args:
        scan: the rows.
        columns: extracts the time column.
        time: the column.
        shares: the wanted shares, ascending, between 0 and 1.

    Returns:
        The cuts, ascending, and the length of a cell in words.

    Raises:
        DataError: there are too few distinct timestamps.
    """
    low, high = _ends(scan, columns, time)
    unit = _unit_of(high - low, dated=time.dated)
    cells, sizes = _cells(scan, columns, time, unit)
    if len(cells) <= len(shares):
        what = f"Column '{time.name}' (data.time) has {len(cells)} different times"
        raise DataError(f"{what}, too few for {len(shares)} cuts. Give more rows, or divide them otherwise.")
    return tuple(_rounded(int(cells[i]), unit) for i in closest_cuts(sizes, shares)), _unit_name(unit, dated=time.dated)


def _ends(scan: Scan, columns: Columns, time: TimeColumn) -> tuple[float, float]:
    """The first and the last timestamp."""

    def ends(batches: Batches) -> Parts:
        seen = [pc.min_max(time.timestamps(column)) for column in columns(batches)]
        present = [each for each in seen if each["min"].is_valid]
        return {"ends": pa.table({end: [each[end].as_py() for each in present] for end in ("min", "max")})}

    parts = collect_parts(scan, ends).get("ends", [])
    lows = [low for part in parts for low in part["min"].to_pylist()]
    if not lows:
        raise DataError(str(_no_time(scan, columns, time)))
    return min(lows), max(high for part in parts for high in part["max"].to_pylist())


def _no_time(scan: Scan, columns: Columns, time: TimeColumn) -> Problem:
    """That no row has a time, with an example of what rows have instead."""

    def first(batches: Batches) -> Parts:
        texts = (raw_text(column).drop_null() for column in columns(batches))
        return {"example": pa.table({"example": [text[0].as_py() for text in texts if len(text)][:1]})}

    examples = [text for part in collect_parts(scan, first).get("example", []) for text in part["example"].to_pylist()]
    what = f"Column '{time.name}' (data.time) has no {'time' if time.dated else 'number'} in any row"
    if not examples:
        return Problem(what, remedy="Correct data.time")
    return Problem(what, allowed_times(dated=time.dated), f"'{examples[0]}'", REMEDY_OF_TIMES)


def allowed_times(*, dated: bool) -> str:
    """The values that a time column may have, in words."""
    return "a date or time like 2024-06-30T12:00:00" if dated else "a number"


REMEDY_OF_TIMES = "Repair these rows (dates begin with the year), or correct data.time"


def _cells(
    scan: Scan, columns: Columns, time: TimeColumn, unit: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The cells that have rows, ascending, and the number of rows of each."""

    def count(batches: Batches) -> Parts:
        timestamps = [time.timestamps(column).drop_null().to_numpy() for column in columns(batches)]
        cells = np.floor(np.concatenate([np.zeros(0), *timestamps]) / unit).astype(np.int64)
        return {"cells": pa.table(dict(zip(("cell", "rows"), np.unique(cells, return_counts=True), strict=True)))}

    counts = pa.concat_tables(collect_parts(scan, count)["cells"])
    total = counts.group_by("cell").aggregate([("rows", "sum")]).sort_by("cell")
    return total["cell"].to_numpy(), total["rows_sum"].to_numpy()


def closest_cuts(sizes: npt.NDArray[np.int64], shares: Sequence[float]) -> list[int]:
    """Indices of cells, ascending and positive, before which the share of the rows is closest to each of `shares`.

    Args:
        sizes: number of rows of each cell; more cells than shares.
        shares: ascending.
    """
    before = np.cumsum(sizes) - sizes
    chosen = [0]
    for left, share in enumerate(shares, start=1 - len(shares)):
        first, last = chosen[-1] + 1, len(sizes) + left
        chosen.append(first + int(np.argmin(np.abs(before[first:last] - share * sizes.sum()))))
    return chosen[1:]


def _unit_of(extent: float, *, dated: bool) -> float:
    if dated:
        return next((unit for unit in _DATE_UNITS if extent >= MIN_CELLS * unit), _DATE_UNITS[-1])
    return 10.0 ** math.floor(math.log10(extent / MIN_CELLS)) if extent else 1.0


def _unit_name(unit: float, *, dated: bool) -> str:
    return f"1 {_UNIT_NAMES[unit]}" if dated else f"{unit:g}"


def _rounded(cell: int, unit: float) -> float:
    """The beginning of a cell, without rounding errors in its last digits."""
    return round(cell * unit, max(0, -math.floor(math.log10(unit))))
