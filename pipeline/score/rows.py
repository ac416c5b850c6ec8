"""New rows, typed exactly as they are when a store is prepared; neither label, key nor weight need be there.

Beside the columns of `data/table.py`, rows have

    k0, k1, ...     the columns that the output keeps, as the source has them
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.config.run import RunConfig
from pipeline.config.score import ScoreConfig
from pipeline.contract.table import NUMBERS, ColumnTerms, ColumnType
from pipeline.data.check import check_names, check_types
from pipeline.data.faults import Fault, any_fault, find_value_faults
from pipeline.data.kinds import column_types
from pipeline.data.raw import RawTable, SourceTable
from pipeline.data.recipe import StoreRecipe
from pipeline.data.table import BAD, Inputs, safe_names, typed_rows
from pipeline.features.choose import needs_types, plan_features
from pipeline.features.plan import NumericPlan
from pipeline.score.columns import OutputColumns, is_pattern, output_columns
from pipeline.store.bundle import Bundle

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewRows:
    """Rows to be scored.

    Attributes:
        rows: all of them, typed; `BAD` tells those that cannot be scored.
        raw: the columns that are read, as they are.
        faults: what can be wrong with a row.
        columns: the typed column of each raw and derived one, by name.
        output: what will be written.
    """

    rows: DataFrame
    raw: RawTable
    faults: tuple[Fault, ...]
    columns: Mapping[str, str]
    output: OutputColumns


def kept_column(place: int) -> str:
    """The safe name of a column that the output keeps."""
    return f"k{place}"


def open_new_rows(
    found: SourceTable, bundle: Bundle, trained: RunConfig, config: ScoreConfig, *, multiline: bool
) -> NewRows:
    """Give rows their types and find out what can be wrong with them; nothing is read yet.

    Args:
        found: the source.
        bundle: the model.
        trained: the configuration that it was trained with.
        config: what the output keeps.
        multiline: whether fields may hold line breaks.

    Raises:
        ConfigError: the output cannot have the columns that it should have.
        DataError: the source lacks columns that the model needs, or has them in types that cannot be used.
    """
    state = bundle.features
    needed = [column.name for column in state.raw]
    found = _with_all_names(found, config).knowing(needed)
    _tell_missing_key(found, trained)
    output = output_columns(config, found.names, key=trained.data.key, label=state.label)
    wanted = list(dict.fromkeys((*needed, *output.kept)))
    check_names(found.names, wanted)
    check_types(found.read(needed), state.raw)
    raw = found.read(wanted)
    raw = replace(raw, rows=raw.rows.withColumns(_kept(raw, output)))
    rows = typed_rows(raw, state.raw, state.derived, label=None, weight=None)
    inputs = Inputs(rows, raw, state.raw, state.derived, trained.data)
    terms = _terms(bundle)
    faults = find_value_faults(inputs, _numeric(bundle, trained, found), terms, multiline=multiline)
    columns = safe_names(state.raw, state.derived)
    return NewRows(rows.withColumn(BAD, any_fault(faults)), raw, faults, columns, output)


def sampled_rows(opened: NewRows, bundle: Bundle, share: float) -> DataFrame:
    """A random part of the rows that are not bad, the same each time, drawn before values are typed."""
    state = bundle.features
    drawn = opened.raw.rows if share >= 1.0 else opened.raw.rows.sample(share, seed=0)
    rows = typed_rows(replace(opened.raw, rows=drawn), state.raw, state.derived, label=None, weight=None)
    return rows.where(~any_fault(opened.faults))


def _tell_missing_key(found: SourceTable, trained: RunConfig) -> None:
    missing = [name for name in trained.data.key if name not in found.names]
    if missing:
        log.warning("The source has no column %s (data.key): answers cannot be told apart by it.", ", ".join(missing))


def _with_all_names(found: SourceTable, config: ScoreConfig) -> SourceTable:
    """JSON: with the names that only a look at every line tells, where names are chosen by patterns."""
    if found.scan is None or not any(is_pattern(entry) for entry in config.keep):
        return found
    return found.scan()


def _kept(raw: RawTable, output: OutputColumns) -> dict[str, Column]:
    """Copies, since null markers become null in the columns themselves."""
    return {kept_column(i): F.col(raw.column(name)) for i, name in enumerate(output.kept)}


def _terms(bundle: Bundle) -> dict[str, ColumnTerms]:
    """What the contract asks of the columns that the model needs."""
    promised = {} if bundle.table is None else bundle.table.columns
    return {column.name: promised[column.name] for column in bundle.features.raw if column.name in promised}


def _numeric(bundle: Bundle, trained: RunConfig, found: SourceTable) -> tuple[NumericPlan, ...]:
    """How the model's numbers were treated in training: whether nulls, NaN and infinities were allowed."""
    features, state = trained.features, bundle.features
    types = _types(bundle, found) if needs_types(features) else {}
    promised = found.names if bundle.table is None else bundle.table.columns
    names = list(dict.fromkeys((*promised, *(column.name for column in state.raw))))
    plan = plan_features(features, names, types, StoreRecipe.of(trained).roles)
    known = safe_names(state.raw, state.derived)
    return tuple(feature for feature in plan.numeric if feature.source in known)


def _types(bundle: Bundle, found: SourceTable) -> dict[str, ColumnType]:
    """Of the columns that training had, or, where no contract tells, that these rows have.

    A few new rows tell little: what training read as a number is one.
    """
    if bundle.table is not None:
        return {name: terms.type for name, terms in bundle.table.columns.items()}
    types = column_types(found, {})
    for column in bundle.features.raw:
        if (column.type == "number") != (types[column.name] in (*NUMBERS, "boolean")):
            types[column.name] = column.type
    return types
