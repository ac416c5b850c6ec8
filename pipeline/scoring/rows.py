"""New rows, typed exactly as when a store is prepared; columns of label, key and weight may be missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipeline.arrays.hashing import salted_once, uniform
from pipeline.arrays.masks import Mask
from pipeline.config.run import RunConfig
from pipeline.config.score import ScoreConfig
from pipeline.kinds.plan import NumericPlan
from pipeline.preparation.planning.column_checks import check_names, check_types
from pipeline.preparation.planning.feature_plan import needs_types, plan_features
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.reading.column_types import column_types
from pipeline.preparation.reading.raw import SourceTable
from pipeline.preparation.reading.scan import Scan
from pipeline.preparation.rows.row_checks import find_value_errors
from pipeline.preparation.rows.row_errors import RowError, has_row_error
from pipeline.preparation.rows.typed_rows import Inputs, TypedRows
from pipeline.schemas.source_contract import NUMBERS, ColumnTerms, ColumnType
from pipeline.scoring.columns import OutputColumns, is_pattern, output_columns
from pipeline.store.bundle import Bundle

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RowProgram:
    """How rows are typed and checked before they are scored; plain data and functions, which are sent to the tasks.

    Attributes:
        inputs: types the columns of a batch.
        row_errors: the errors that a row may have.
    """

    inputs: Inputs
    row_errors: tuple[RowError, ...]

    def rows(self, batch: pa.RecordBatch) -> tuple[TypedRows, Mask]:
        """The rows of a batch, typed, and which of them cannot be scored, [n]."""
        rows = self.inputs.rows(batch)
        return rows, has_row_error(rows, self.row_errors)


@dataclass(frozen=True)
class NewRows:
    """Rows to be scored.

    Attributes:
        scan: reads all of them.
        program: types and checks them.
        output: the columns that will be written.
    """

    scan: Scan
    program: RowProgram
    output: OutputColumns


def open_new_rows(
    source_table: SourceTable, bundle: Bundle, trained: RunConfig, config: ScoreConfig, *, multiline: bool
) -> NewRows:
    """Plan how rows are typed and checked; reads nothing yet.

    Args:
        source_table: the source.
        bundle: the model.
        trained: the configuration that it was trained with.
        config: the section `score`.
        multiline: whether fields may contain line breaks.

    Raises:
        ConfigError: the output cannot have the configured columns.
        DataError: the source lacks columns that the model needs, or has them in types that cannot be used.
    """
    state = bundle.features
    needed = [column.name for column in state.raw]
    source_table = _with_all_names(source_table, config).knowing(needed)
    _warn_of_missing_key(source_table, trained)
    output = output_columns(config, source_table.names, key=trained.data.key, label=state.label)
    wanted = list(dict.fromkeys((*needed, *output.kept)))
    check_names(source_table.names, wanted, source_table.first_line)
    check_types(source_table.read(needed).columns, state.raw)
    raw = source_table.read(wanted)
    readings = {name: reading for name, reading in state.readings.items() if name in wanted}
    columns = replace(raw.columns, readings=readings)
    inputs = Inputs(columns, state.raw, state.derived, label=None, weight=None)
    row_errors = find_value_errors(inputs, _numeric(bundle, trained, source_table), _terms(bundle), multiline=multiline)
    return NewRows(raw.scan, RowProgram(inputs, row_errors), output)


def good_values(program: RowProgram, share: float) -> Callable[[pa.RecordBatch], Mapping[str, pa.Array]]:
    """A function from a batch to the values of its good rows, sampled to about `share` of them, always the same."""

    def values(batch: pa.RecordBatch) -> Mapping[str, pa.Array]:
        if share < 1.0:
            batch = batch.take(pa.array(np.flatnonzero(_drawn(batch, share))))
        rows, bad = program.rows(batch)
        good = pa.array(~bad)
        return {name: column.filter(good) for name, column in rows.values.items()}

    return values


def _drawn(batch: pa.RecordBatch, share: float) -> Mask:
    """Which rows are in the sample: bool [n], drawn by a row's position in its batch."""
    drawn: Mask = uniform(salted_once("drift", np.arange(len(batch)))) < share
    return drawn


def _warn_of_missing_key(source_table: SourceTable, trained: RunConfig) -> None:
    missing = [name for name in trained.data.key if name not in source_table.names]
    if missing:
        log.warning(
            "The source has no column %s (data.key): predictions cannot be matched to rows by it.", ", ".join(missing)
        )


def _with_all_names(source_table: SourceTable, config: ScoreConfig) -> SourceTable:
    """The source with all its names: for JSON and patterns in `score.keep`, every line has to be read for them."""
    if source_table.scan is None or not any(is_pattern(entry) for entry in config.keep):
        return source_table
    return source_table.scan()


def _terms(bundle: Bundle) -> dict[str, ColumnTerms]:
    """The terms of the source's contract for the columns that the model needs."""
    contract = {} if bundle.table is None else bundle.table.columns
    return {column.name: contract[column.name] for column in bundle.features.raw if column.name in contract}


def _numeric(bundle: Bundle, trained: RunConfig, source_table: SourceTable) -> tuple[NumericPlan, ...]:
    """The plan of the model's numeric features: whether nulls, NaN and infinities were allowed in training."""
    features, state = trained.features, bundle.features
    types = _types(bundle, source_table) if needs_types(features) else {}
    contract = source_table.names if bundle.table is None else bundle.table.columns
    names = list(dict.fromkeys((*contract, *(column.name for column in state.raw))))
    layouts = {name: reading.date for name, reading in state.readings.items() if reading.date}
    plan = plan_features(features, names, types, StoreSpec.of(trained).roles, layouts)
    raw_or_derived = {column.name for column in state.raw} | {column.name for column in state.derived}
    return tuple(feature for feature in plan.numeric if feature.source in raw_or_derived)


def _types(bundle: Bundle, source_table: SourceTable) -> dict[str, ColumnType]:
    """The types of the columns as in training, or, without a contract, as inferred from these rows.

    A few new rows are weak evidence, so a column that was numeric in training stays numeric.
    """
    if bundle.table is not None:
        return {name: terms.type for name, terms in bundle.table.columns.items()}
    types = {name: reading.type for name, reading in column_types(source_table, {}).items()}
    for column in bundle.features.raw:
        if (column.type == "number") != (types[column.name] in (*NUMBERS, "boolean")):
            types[column.name] = column.type
    return types
