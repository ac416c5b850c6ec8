"""The columns from which features may be chosen: by default, by patterns and by types."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipeline.config.data import DataConfig, is_fitting
from pipeline.config.features import is_choice
from pipeline.errors import ConfigError, DataError, Problem, gather, nearest
from pipeline.formatting import listed, times
from pipeline.preparation.planning.column_choice import unfit_columns, unsuitable_columns
from pipeline.preparation.planning.feature_plan import needs_types
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.reading.column_readings import ColumnReading
from pipeline.preparation.reading.column_types import column_types
from pipeline.preparation.reading.raw import SourceTable
from pipeline.preparation.reading.survey import survey_table
from pipeline.schemas.text_reading import PLAIN

log = logging.getLogger(__name__)

OF_OBJECTS = "it holds objects, whose values are columns of their own"


@dataclass(frozen=True)
class OfferedColumns:
    """The columns of a source, and which of them may be chosen as features.

    Attributes:
        names: of the columns.
        readings: types of all columns with a unique name, where they matter; else empty.
        reserved: columns that become features only where the configuration names them.
        left_out: those of them that have no other role and were not excluded, with the reason.
    """

    names: Sequence[str]
    readings: Mapping[str, ColumnReading]
    reserved: frozenset[str]
    left_out: Mapping[str, str]


def offer_columns(table: SourceTable, store_spec: StoreSpec) -> OfferedColumns:
    """Say which columns may be chosen as features; by default features, that takes a query of all rows.

    Args:
        table: the source.
        store_spec: the specification of the store.

    Raises:
        ConfigError: an entry of `data.exclude` matches no column.
        DataError: columns that may be chosen have the same name.
    """
    _check_excluded(table.names, store_spec.data)
    automatic = store_spec.features.is_automatic
    excluded = {name for name in table.names if store_spec.data.excludes(name)}
    reserved = excluded | {*store_spec.roles}
    if automatic:
        _check_repeated([name for name in table.names if name not in reserved])
    is_open = automatic and store_spec.contract is None
    readings, reasons = _surveyed(table) if is_open else (_readings(table, store_spec), {})
    if automatic or any(is_choice(name) for group in store_spec.features.groups for name in group.columns):
        reasons |= unfit_columns(table.names, table.nested)
        reasons |= dict.fromkeys(table.objects, OF_OBJECTS)
    named = reserved | {*store_spec.named_columns}
    left_out = {name: reasons[name] for name in dict.fromkeys(table.names) if name in reasons and name not in named}
    reserved |= {*left_out}
    return OfferedColumns(_promised(table.names, store_spec, reserved), readings, frozenset(reserved), left_out)


def log_left_out(left_out: Mapping[str, str]) -> None:
    """Log each column that is left out, with the reason."""
    for name, reason in left_out.items():
        log.warning("Column '%s' is left out: %s.", name, reason)


def _check_excluded(names: Sequence[str], data: DataConfig) -> None:
    problems = [
        Problem(f"'{entry}' in data.exclude matches no column", remedy=nearest(entry, [name for name in names if name]))
        for entry in data.exclude
        if not any(is_fitting(name, entry) for name in names)
    ]
    if problems:
        raise ConfigError(gather("data.exclude does not fit the source", problems))


def _check_repeated(names: Sequence[str]) -> None:
    problems = [
        Problem(
            f"Column '{name}' appears {times(count)} in the source",
            "once",
            remedy="Rename the others, or list the name in data.exclude",
        )
        for name, count in Counter(names).items()
        if count > 1 and name
    ]
    if problems:
        raise DataError(gather("Several columns have the same name", problems))


def _surveyed(table: SourceTable) -> tuple[dict[str, ColumnReading], dict[str, str]]:
    """The types of all columns, and why some had better not become features."""
    survey = survey_table(table, table.unique_names)
    return {**{name: ColumnReading("text") for name in survey.nested}, **survey.readings}, unsuitable_columns(survey)


def _readings(table: SourceTable, store_spec: StoreSpec) -> dict[str, ColumnReading]:
    """The types of all columns, where they matter; for a text format, the contract's types are not inferred again."""
    if not needs_types(store_spec.features) and store_spec.data.filter is None:
        return {}
    promised = {} if store_spec.contract is None else store_spec.contract.table.columns
    given = {name: ColumnReading(terms.type, terms.reading or PLAIN) for name, terms in promised.items()}
    return column_types(table, given)


def _promised(names: Sequence[str], store_spec: StoreSpec, reserved: Collection[str]) -> Sequence[str]:
    """The columns from which features may be selected; for default features, those of the contract."""
    if store_spec.contract is None or not store_spec.features.is_automatic:
        return names
    promised = store_spec.contract.table.columns
    more = [name for name in names if name not in promised and name not in reserved]
    if more:
        log.warning(
            "No feature is made of %s: the contract '%s' does not have them. Add them there, or delete it.",
            listed(more),
            store_spec.contract.location,
        )
    return [name for name in names if name in promised]
