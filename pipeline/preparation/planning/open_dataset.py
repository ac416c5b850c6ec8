"""Opens a source for preparation: columns checked, features planned, rows typed and divided into splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyspark.sql import SparkSession

from pipeline.config.expression import parse_expression
from pipeline.errors import ConfigError
from pipeline.kinds.fitted_features import raw_columns
from pipeline.kinds.plan import FeaturePlan
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.column_checks import check_names, check_types
from pipeline.preparation.planning.feature_plan import chooses_by_type, plan_features, value_types
from pipeline.preparation.planning.offered_columns import log_left_out, offer_columns
from pipeline.preparation.planning.resolve_split import resolve_split
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.reading.column_readings import ColumnReading
from pipeline.preparation.reading.column_types import log_readings
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.raw import RawTable, SourceTable
from pipeline.preparation.reading.scan import Scan
from pipeline.preparation.reading.staging import staged
from pipeline.preparation.rows.contract_checks import agreed_types, check_columns, terms_of
from pipeline.preparation.rows.row_checks import find_row_errors
from pipeline.preparation.rows.split_errors import find_split_errors
from pipeline.preparation.rows.table import Table, TableProgram
from pipeline.preparation.rows.typed_rows import Inputs
from pipeline.schemas.expression import Node, columns_of, is_truth
from pipeline.schemas.source_contract import NUMBERS, ColumnTerms, ColumnType
from pipeline.schemas.target import AUTO, may_have_classes
from pipeline.schemas.text_reading import PLAIN, TextReading
from pipeline.store.filesystem import StoragePath


@dataclass(frozen=True)
class OpenedDataset:
    """A source that is ready to be scanned.

    Attributes:
        plan: the features.
        raw: the columns as they are in the source.
        table: the rows, typed and divided.
        parsed: the scan of the first pass, in which columns that are needed as numbers alone may be doubles.
        types: types of the columns, in the terms of the contract.
        left_out: why columns that could have been chosen as features were not, by name.
    """

    plan: FeaturePlan
    raw: RawTable
    table: Table
    parsed: Scan
    types: Mapping[str, ColumnType]
    left_out: Mapping[str, str] = field(default_factory=dict)


def open_dataset(
    spark: SparkSession, store_spec: StoreSpec, source: Source, staging: StoragePath | None = None
) -> OpenedDataset:
    """Open a source; queries run only where types must be inferred, or cuts in time be found.

    Args:
        spark: the session.
        store_spec: the specification of the store.
        source: the source.
        staging: see `open_rows`.

    Raises:
        ConfigError: the features or the filter do not fit the source.
        DataError: the source cannot be read, or lacks columns.
    """
    table = open_table(spark, source, store_spec.data.source)
    for check in table.checks:
        check()
    opened = open_rows(store_spec, table, staging=staging)
    log_left_out(opened.left_out)
    return opened


def open_rows(
    store_spec: StoreSpec, source_table: SourceTable, *, more: Sequence[str] = (), staging: StoragePath | None = None
) -> OpenedDataset:
    """Open a table whose columns are known; ignores the path of the source in `store_spec`.

    Args:
        store_spec: the specification of the store.
        source_table: the table.
        more: columns to read besides those that `store_spec` needs; ids of rows do not depend on them.
        staging: the folder in which to stage rows that only Spark reads; None for a single pass.

    Raises:
        ConfigError: the features or the filter do not fit the table.
        DataError: the table lacks columns, or has them in types that cannot be used.
    """
    data, features, contract = store_spec.data, store_spec.features, store_spec.contract
    promised = () if contract is None else tuple(contract.table.columns)
    source_table = source_table.knowing((*store_spec.named_columns, *promised))
    if contract is not None:
        check_columns(contract, source_table)
    check_names(source_table.names, store_spec.named_columns, source_table.first_line)
    offered = offer_columns(source_table, store_spec)
    readings = offered.readings
    types = {name: reading.type for name, reading in readings.items()}
    layouts = {name: reading.reading.date for name, reading in readings.items() if reading.reading.date}
    plan = plan_features(features, offered.names, types, offered.reserved, layouts, offered.left_out)
    row_filter = _filter(data.filter, types)
    filtered_by = () if row_filter is None else columns_of(row_filter)
    typed_columns = raw_columns((column.name, column.type) for column in (*plan.raw, *filtered_by))
    wanted = tuple(
        dict.fromkeys((*(column.name for column in typed_columns), *store_spec.roles, *store_spec.split_columns, *more))
    )
    check_names(source_table.names, wanted)
    raw = source_table.read(wanted)
    check_types(raw.columns, typed_columns)
    raw = replace(raw, columns=replace(raw.columns, readings=_used_readings(source_table, store_spec, plan, readings)))
    raw = raw if staging is None else staged(raw, staging)
    inputs = Inputs(raw.columns, typed_columns, plan.derived, data.label, data.weight, data)
    agreed = agreed_types(source_table, inputs, plan, types)
    split = resolve_split(store_spec.split, data, raw)
    terms = terms_of(contract, source_table, agreed)
    row_errors = find_row_errors(
        inputs,
        plan,
        features.target,
        terms,
        multiline=data.source.multiline,
        number_label=_has_number_label(store_spec, types),
    )
    program = TableProgram(inputs, (*row_errors, *find_split_errors(split)), row_filter, split, store_spec.seed)
    parsed = raw.parsed(_numbers_alone(inputs, store_spec, terms))
    return OpenedDataset(plan, raw, Table(program, raw.scan), parsed, agreed, offered.left_out)


def _has_number_label(store_spec: StoreSpec, types: Mapping[str, ColumnType]) -> bool:
    """Whether the label is a number: as configured, or like nearly all of its values where types are inferred."""
    task, name = store_spec.data.task, store_spec.data.label
    if not may_have_classes(task):
        return True
    return task == AUTO and chooses_by_type(store_spec.features) and types.get(name) in NUMBERS


def _numbers_alone(inputs: Inputs, store_spec: StoreSpec, terms: Mapping[str, ColumnTerms]) -> tuple[str, ...]:
    """Columns that are needed as numbers and not as texts: no key, group, stratum, time, boolean, nor classes."""
    data = store_spec.data
    texts = {*data.key, *data.group, data.time, *store_spec.split_columns}
    texts |= {data.label} if inputs.has_spelled_label else set()
    texts |= {name for name, term in terms.items() if term.type not in NUMBERS} | set(inputs.raw.readings)
    numbers = [column.name for column in inputs.typed if column.type == "number"]
    return tuple(name for name in dict.fromkeys((*numbers, data.label, data.weight)) if name and name not in texts)


def _used_readings(
    source_table: SourceTable, store_spec: StoreSpec, plan: FeaturePlan, readings: Mapping[str, ColumnReading]
) -> dict[str, TextReading]:
    """How the texts of columns are read that are numbers or dates, where that is not the plain way.

    What the texts look like counts where features follow from types. Columns that the configuration calls numbers are
    read with the signs that it gives, and nothing is guessed.
    """
    data, kept = store_spec.data, store_spec.contract
    promised = {} if kept is None else kept.table.columns
    numbers = [column.name for column in plan.raw if column.type == "number"]
    numbers += [name for name in (data.label, data.weight) if name is not None]
    used = dict.fromkeys((*numbers, *(column.name for column in plan.raw)))
    if chooses_by_type(store_spec.features):
        log_readings(readings, [*used])
        chosen = {name: readings[name].reading for name in used if name in readings and readings[name].type != "text"}
    else:
        chosen = {name: promised[name].reading or PLAIN for name in used if name in promised}
        chosen |= {name: source_table.signs.given for name in numbers if chosen.get(name, PLAIN) == PLAIN}
    return {name: reading for name, reading in chosen.items() if reading != PLAIN}


def _filter(text: str | None, types: Mapping[str, ColumnType]) -> Node | None:
    if text is None:
        return None
    try:
        node = parse_expression(text, value_types(types))
    except ValueError as error:
        raise ConfigError(f"data.filter: {error}") from error
    if not is_truth(node):
        remedy = "" if node.type == "text" else " Compare the number, as in 'x > 0'."
        raise ConfigError(
            f"data.filter: the expression gives a {node.type}. Allowed: something that is true or false.{remedy}"
        )
    return node
