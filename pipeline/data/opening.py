"""From a source to the table that everything works on: columns found, features planned, rows typed and divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession

from pipeline.config.expression import parse_expression
from pipeline.contract.expression import Node, columns_of
from pipeline.contract.features import RawColumn
from pipeline.contract.table import ColumnType
from pipeline.data.check import check_names, check_types
from pipeline.data.faults import Fault, any_fault, find_faults
from pipeline.data.kinds import column_types
from pipeline.data.raw import RawTable, SourceTable
from pipeline.data.read import open_table
from pipeline.data.recipe import StoreRecipe
from pipeline.data.source import Source
from pipeline.data.table import Table, divide, type_rows
from pipeline.errors import ConfigError
from pipeline.features.choose import needs_types, plan_features, value_types
from pipeline.features.plan import FeaturePlan


@dataclass(frozen=True)
class Opened:
    """A source, ready to be gone through.

    Attributes:
        plan: the features.
        raw: its columns as they are.
        table: its rows, typed and divided.
        faults: what can be wrong with a row.
    """

    plan: FeaturePlan
    raw: RawTable
    table: Table
    faults: tuple[Fault, ...]


def open_data(spark: SparkSession, recipe: StoreRecipe, source: Source) -> Opened:
    """Open a source; queries run only where types must be found out, or cuts in time.

    Raises:
        ConfigError: the features or the filter do not fit the source.
        DataError: the source cannot be read, or lacks columns.
    """
    return open_rows(recipe, open_table(spark, source, recipe.data.source))


def open_rows(recipe: StoreRecipe, found: SourceTable) -> Opened:
    """The same for a table whose columns are known; what the recipe says of a source's place does not matter.

    Raises:
        ConfigError: the features or the filter do not fit the table.
        DataError: the table lacks columns, or has them in types that cannot be used.
    """
    data, features = recipe.data, recipe.features
    found = found.knowing(recipe.named_columns)
    check_names(found.names, recipe.named_columns)
    types = column_types(found) if needs_types(features) or data.filter is not None else {}
    plan = plan_features(features, found.names, types, recipe.roles)
    where = _filter(data.filter, types)
    typed = _with_filter(plan.raw, where)
    wanted = tuple(dict.fromkeys((*(column.name for column in typed), *recipe.roles, *recipe.split_columns)))
    check_names(found.names, wanted)
    raw = found.read(wanted)
    check_types(raw, plan)
    inputs = type_rows(raw, data, typed, plan.derived)
    faults = find_faults(inputs, plan, features.target, multiline=data.source.multiline)
    table = divide(inputs, any_fault(faults), where, split=recipe.split, seed=recipe.seed)
    return Opened(plan, raw, table, faults)


def _filter(text: str | None, types: dict[str, ColumnType]) -> Node | None:
    if text is None:
        return None
    try:
        node = parse_expression(text, value_types(types))
    except ValueError as error:
        raise ConfigError(f"data.filter: {error}") from error
    if node.type != "number":
        raise ConfigError("data.filter: the expression gives a text. Allowed: something that is true or false.")
    return node


def _with_filter(typed: Sequence[RawColumn], where: Node | None) -> tuple[RawColumn, ...]:
    """The columns of the features and of the filter, numbers first."""
    used = [] if where is None else [RawColumn(name=column.name, type=column.type) for column in columns_of(where)]
    both = dict.fromkeys((*typed, *used))
    return tuple(column for kind in ("number", "text") for column in both if column.type == kind)
