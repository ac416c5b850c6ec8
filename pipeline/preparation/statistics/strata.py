"""Counts strata, which are rows with the same values in some columns, in each split or fold.

Each value is a stratum; numbers with more than `MAX_VALUES` distinct values are divided into intervals at quantiles.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import finite, plain_number_of
from pipeline.arrays.tables import combined
from pipeline.errors import DataError, Problem
from pipeline.preparation.reading.scan import Parts
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows

SAMPLED = 10_000
"""The most distinct numbers of a column that a piece returns, for the quantiles that divide it into intervals."""
MAX_VALUES = 20
MAX_STRATA = 1000

StratumCounts = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class _ColumnValues:
    """The values of a column: whether all are numbers, how many are distinct, and the quantiles of numbers."""

    numeric: bool
    distinct: int
    edges: tuple[float, ...]


Part = Callable[[Rows], npt.NDArray[np.int32]]
"""Maps n rows to the index of their part, [n]."""


def count_strata(table: Table, strata: Sequence[str], part: Part, *, parts: int, bins: int) -> StratumCounts:
    """Rows of each stratum in each part; two queries.

    Args:
        table: the rows.
        strata: names of source columns.
        part: gives the part of each row; rows outside of 0 to `parts` - 1 are not counted.
        parts: number of parts.
        bins: number of intervals of a number.

    Returns:
        Counts by stratum, such as `region = 'north', 10 <= age < 20`, sorted by that text.

    Raises:
        DataError: there are more than `MAX_STRATA` strata.
    """
    column_values = _column_values(table, strata, bins)

    def count(batches: Iterator[Rows]) -> Parts:
        counted = (_counted(rows, strata, column_values, part(rows), parts) for rows in batches)
        return {"strata": _summed(counted).slice(0, parts * (MAX_STRATA + 1))}

    counts = _summed(table.collect(count).get("strata", []))
    by_words: dict[str, list[int]] = {}
    for words, index, rows in zip(*(counts[name].to_pylist() for name in _COUNTS.names), strict=True):
        by_words.setdefault(words, [0] * parts)[index] = rows
    if len(by_words) > MAX_STRATA:
        names = ", ".join(f"'{name}'" for name in strata)
        raise DataError(f"The values of {names} make more than {MAX_STRATA} strata. Choose fewer columns for `by`.")
    return {words: tuple(by_words[words]) for words in sorted(by_words)}


_COUNTS = pa.schema([("stratum", pa.string()), ("part", pa.int32()), ("rows", pa.int64())])


def strata_problems(counts: StratumCounts, parts: Mapping[int, str]) -> list[Problem]:
    """One problem for each stratum that is missing in a part.

    Args:
        counts: from `count_strata`.
        parts: names of the parts that need rows, by index.
    """
    problems = []
    for stratum, by_part in counts.items():
        empty = [name for index, name in parts.items() if not by_part[index]]
        if empty:
            what = f"Stratum {stratum} has {sum(by_part)} rows, and none in {', '.join(empty)}"
            remedy = "Give more rows of it, join it with another, take larger shares, or try another seed"
            problems.append(Problem(what, remedy=remedy))
    return problems


def _counted(
    rows: Rows, strata: Sequence[str], column_values: Sequence[_ColumnValues], part: npt.NDArray[np.int32], parts: int
) -> pa.Table:
    is_counted = pa.array((part >= 0) & (part < parts))
    words = [_words(rows, name, values) for name, values in zip(strata, column_values, strict=True)]
    stratum = pc.binary_join_element_wise(*words, ", ").filter(is_counted)
    return pa.table([stratum, pa.array(part).filter(is_counted), np.ones(len(stratum), np.int64)], schema=_COUNTS)


def _summed(counts: Iterable[pa.Table]) -> pa.Table:
    return combined(counts, _COUNTS, rows="sum").sort_by("stratum")


def _column_values(table: Table, strata: Sequence[str], bins: int) -> list[_ColumnValues]:
    def collect_values(batches: Iterator[Rows]) -> Parts:
        tables_of_columns = [[_EMPTY] for _ in strata]
        for rows in batches:
            for tables, name in zip(tables_of_columns, strata, strict=True):
                tables.append(_looked_at(rows.typed.text(name), _number(rows, name)))
        return {str(index): _thinned(pa.concat_tables(tables)) for index, tables in enumerate(tables_of_columns)}

    parts = table.collect(collect_values)
    shares = [index / bins for index in range(1, bins)]
    return [
        _values_of_column(pa.concat_tables([_EMPTY, *parts.get(str(index), [])]), shares)
        for index in range(len(strata))
    ]


_EMPTY = pa.schema([("text", pa.string()), ("number", pa.float64()), ("rows", pa.float64())]).empty_table()


def _looked_at(text: pa.Array, number: pa.Array) -> pa.Table:
    """The distinct values as text and number, with their counts; without nulls."""
    rows = pa.table([text, number, np.ones(len(text))], schema=_EMPTY.schema)
    return _each_once(rows.filter(text.is_valid()))


def _each_once(values: pa.Table) -> pa.Table:
    summed = values.group_by("text").aggregate([("number", "min"), ("rows", "sum")])
    summed = summed.sort_by([("number_min", "ascending"), ("text", "ascending")])
    return summed.select(["text", "number_min", "rows_sum"]).rename_columns(_EMPTY.schema.names)


def _thinned(values: pa.Table) -> pa.Table:
    """At most `SAMPLED` values of equal weight, which changes the ranks of quantiles by at most 1 in `SAMPLED`."""
    values = _each_once(values)
    if len(values) <= SAMPLED:
        return values
    ranks = np.cumsum(values["rows"].to_numpy())
    wanted = (np.arange(SAMPLED) + 0.5) / SAMPLED * ranks[-1]
    kept = values.take(pa.array(np.searchsorted(ranks, wanted)))
    return kept.set_column(2, "rows", pa.array(np.full(SAMPLED, ranks[-1] / SAMPLED)))


def _values_of_column(values: pa.Table, shares: Sequence[float]) -> _ColumnValues:
    values = _each_once(values)
    numeric, distinct = not values["number"].null_count, len(pc.unique(values["text"]))
    if not numeric or not len(values):
        return _ColumnValues(numeric, distinct, ())
    ranks = np.cumsum(values["rows"].to_numpy())
    positions = np.searchsorted(ranks, np.asarray(shares) * ranks[-1])
    return _ColumnValues(numeric, distinct, tuple(sorted(set(values["number"].to_numpy()[positions].tolist()))))


def _words(rows: Rows, name: str, values: _ColumnValues) -> pa.Array:
    """The stratum of each row in words, string [n]."""
    if not values.numeric or values.distinct <= MAX_VALUES:
        quoted = pc.binary_join_element_wise(f"{name} = '", rows.typed.text(name), "'", "")
        return quoted.fill_null(f"{name} is missing")
    words = [f"{name} < {values.edges[0]:g}"]
    words += [f"{low:g} <= {name} < {high:g}" for low, high in itertools.pairwise(values.edges)]
    words += [f"{name} >= {values.edges[-1]:g}", f"{name} is missing"]
    numbers = _number(rows, name).to_numpy(zero_copy_only=False)
    intervals = np.searchsorted(values.edges, numbers, side="right")
    return pa.array(words).take(pa.array(np.where(np.isnan(numbers), len(words) - 1, intervals)))


def _number(rows: Rows, name: str) -> pa.Array:
    return finite(plain_number_of(rows.typed.raw[name]))
