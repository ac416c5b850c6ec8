"""Resolves the folds of a cross-validation: looks up the borders between periods, or the groups, in the data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from pipeline.config.data import DataConfig
from pipeline.config.split import MAX_FOLDS, FoldConfig
from pipeline.config.timestamp import axis_position
from pipeline.errors import DataError, Problem
from pipeline.preparation.reading.scan import Batches, Parts
from pipeline.preparation.rows.fold_placement import FoldPlan, is_divided
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.timestamps import TimeColumn, find_cuts, open_time
from pipeline.preparation.rows.typed_rows import Rows

log = logging.getLogger(__name__)


def resolve_folds(config: FoldConfig, data: DataConfig, table: Table) -> FoldPlan:
    """Plan the folds; runs queries for borders between periods and for the list of groups.

    Args:
        config: the folds as configured.
        data: the roles of columns.
        table: the table whose training and validation rows are divided.

    Raises:
        ConfigError: the borders do not fit the time column.
        DataError: there are too few timestamps or groups, or too many groups.
    """
    plan = FoldPlan(config.method, config.folds, config.repeats, data.group, bins=config.bins)
    match config.method:
        case "stratified":
            return replace(plan, strata=config.by or (data.label,))
        case "time":
            assert data.time is not None
            kind = table.program.inputs.raw.kinds[data.time]
            time = open_time(table.scan, _divided_column(table, data.time), kind, data.time, given=config.borders)
            borders = tuple(axis_position(border) for border in config.borders) or _equal_periods(config, table, time)
            return replace(plan, time=time, borders=borders, window=config.window, gap=config.gap)
        case "leave_one_group_out":
            members = _members(table, plan)
            return replace(plan, folds=len(members), members=members)
    return plan


def _divided_column(table: Table, name: str) -> Callable[[Batches], Iterator[pa.Array]]:
    """Extracts a column of the rows that are divided into folds."""
    program = table.program
    return lambda batches: (
        rows.typed.raw[name].filter(pa.array(is_divided(rows.placement))) for rows in map(program.rows, batches)
    )


def _equal_periods(config: FoldConfig, table: Table, time: TimeColumn) -> tuple[float, ...]:
    periods = config.folds + config.gap + 1
    shares = [index / periods for index in range(1, periods)]
    borders, unit = find_cuts(table.scan, _divided_column(table, time.name), time, shares)
    log.warning(
        "The periods of the folds begin at %s, found in the rows with a precision of %s. They move when rows are "
        "added; set crossval.borders to keep them.",
        ", ".join(time.text(border) for border in borders),
        unit,
    )
    return borders


def _members(table: Table, plan: FoldPlan) -> tuple[tuple[str, ...], ...]:
    groups = plan.groups

    def distinct(batches: Iterator[Rows]) -> Parts:
        distinct_groups = pa.schema([(str(index), pa.string()) for index in range(len(groups))]).empty_table()
        for rows in batches:
            divided = pa.array(is_divided(rows.placement))
            texts = [rows.typed.text(name).filter(divided) for name in groups]
            groups_of_batch = pa.table({str(index): text for index, text in enumerate(texts)}).drop_null()
            distinct_groups = (
                pa.concat_tables([distinct_groups, groups_of_batch])
                .group_by(distinct_groups.schema.names)
                .aggregate([])
                .slice(0, MAX_FOLDS + 1)
            )
        return {"members": distinct_groups}

    members = sorted(
        {tuple(row.values()) for part in table.collect(distinct).get("members", []) for row in part.to_pylist()}
    )
    if not 2 <= len(members) <= MAX_FOLDS:
        raise _wrong_number(groups, len(members))
    return tuple(members)


def _wrong_number(groups: Sequence[str], count: int) -> DataError:
    names = ", ".join(f"'{name}'" for name in groups)
    shown = f"more than {MAX_FOLDS}" if count > MAX_FOLDS else str(count)
    problem = Problem(
        f"data.group ({names}) has {shown} different values",
        f"2 to {MAX_FOLDS} for method: leave_one_group_out",
        remedy="Use method: group",
    )
    return DataError(str(problem))
