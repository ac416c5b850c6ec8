"""Strata: rows that are alike in some columns, and how many of each came into every split or fold.

A value is its own stratum. A number with more than `MAX_VALUES` different values counts by intervals at its quantiles.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.data.convert import finite, plain_number_of
from pipeline.data.split import text_of_column
from pipeline.errors import DataError, Problem

MAX_VALUES = 20
MAX_STRATA = 1000

StratumCounts = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class _Survey:
    """A column's values: all of them numbers or not, how many different ones about, and quantiles of numbers."""

    numeric: bool
    distinct: int
    edges: tuple[float, ...]


def count_strata(
    rows: DataFrame, strata: Sequence[tuple[str, str]], part: str, *, parts: int, bins: int
) -> StratumCounts:
    """Rows of each stratum in each part; two queries.

    Args:
        rows: with the columns.
        strata: safe columns with raw values, and their names in the source.
        part: an int column, the index of the part; rows without one, or with another one, do not count.
        parts: how many there are.
        bins: intervals of a number.

    Returns:
        By the stratum in words, e.g. `region = 'north', 10 <= age < 20`, in the order of these words.

    Raises:
        DataError: there are more than `MAX_STRATA` strata.
    """
    found = _survey(rows, strata, bins)
    words = [_words(rows, column, name, seen) for (column, name), seen in zip(strata, found, strict=True)]
    counts = [F.count_if(F.col(part) == index) for index in range(parts)]
    placed = rows.where(F.col(part).between(0, parts - 1))
    collected = placed.groupBy(F.concat_ws(", ", *words)).agg(*counts).limit(MAX_STRATA + 1).collect()
    if len(collected) > MAX_STRATA:
        names = ", ".join(f"'{name}'" for _, name in strata)
        raise DataError(f"The values of {names} make more than {MAX_STRATA} strata. Choose fewer columns for `by`.")
    return {row[0]: tuple(row[1:]) for row in sorted(collected, key=lambda row: row[0])}


def strata_problems(counts: StratumCounts, parts: Mapping[int, str]) -> list[Problem]:
    """One problem for each stratum that has no row in some part.

    Args:
        counts: from `count_strata`.
        parts: the parts that need rows, by index, in words.
    """
    problems = []
    for stratum, by_part in counts.items():
        empty = [name for index, name in parts.items() if not by_part[index]]
        if empty:
            what = f"Stratum {stratum} has {sum(by_part)} rows, and none in {', '.join(empty)}"
            remedy = "Give more rows of it, join it with another, take larger shares, or try another seed"
            problems.append(Problem(what, remedy=remedy))
    return problems


def _survey(rows: DataFrame, strata: Sequence[tuple[str, str]], bins: int) -> list[_Survey]:
    shares = [index / bins for index in range(1, bins)]
    wanted = []
    for column, _ in strata:
        text, number = text_of_column(rows, column), _number(rows, column)
        quantiles = F.percentile_approx(number, shares, 10_000)
        wanted += [F.count(text), F.count(number), F.approx_count_distinct(text), quantiles]
    found = rows.agg(*(column.alias(f"c{i}") for i, column in enumerate(wanted))).first()
    assert found is not None
    return [
        _Survey(texts == numbers, distinct, tuple(sorted(set(quantiles or ()))))
        for texts, numbers, distinct, quantiles in (found[i : i + 4] for i in range(0, len(wanted), 4))
    ]


def _words(rows: DataFrame, column: str, name: str, seen: _Survey) -> Column:
    """String: the stratum in words."""
    text = text_of_column(rows, column)
    if not seen.numeric or seen.distinct <= MAX_VALUES:
        return F.coalesce(F.concat(F.lit(f"{name} = '"), text, F.lit("'")), F.lit(f"{name} is missing"))
    edges, number = seen.edges, _number(rows, column)
    words = F.when(number.isNull(), F.lit(f"{name} is missing")).when(
        number < F.lit(edges[0]), F.lit(f"{name} < {edges[0]:g}")
    )
    for low, high in itertools.pairwise(edges):
        words = words.when(number < F.lit(high), F.lit(f"{low:g} <= {name} < {high:g}"))
    return words.otherwise(F.lit(f"{name} >= {edges[-1]:g}"))


def _number(rows: DataFrame, column: str) -> Column:
    return finite(plain_number_of(F.col(column), rows.schema[column].dataType))
