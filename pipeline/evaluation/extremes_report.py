"""The rows with the largest and the smallest errors, as a report shows them."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.evaluation.accumulator import Accumulator, AccumulatorSpec
from pipeline.evaluation.regression_accumulator import RegressionAccumulator
from pipeline.evaluation.report.extremes import ExtremeRow, Extremes
from pipeline.schemas.label import LabelSpec


def extremes_of(spec: AccumulatorSpec, accumulator: Accumulator) -> Extremes:
    """The extreme rows, without the source's values."""
    extreme_rows = accumulator.extreme_rows
    rows = [_extreme(spec.label, accumulator, position) for position in range(len(extreme_rows.row_id))]
    return Extremes(
        worst=tuple(rows[position] for position in extreme_rows.largest().tolist()),
        best=tuple(rows[position] for position in extreme_rows.smallest().tolist()),
    )


def _extreme(label: LabelSpec, accumulator: Accumulator, position: int) -> ExtremeRow:
    row_id, facts = int(accumulator.extreme_rows.row_id[position]), accumulator.extreme_rows.facts[position].tolist()
    if isinstance(accumulator, RegressionAccumulator):
        _, actual, predicted = facts
        return ExtremeRow(row_id=row_id, label=actual, prediction=predicted, error=predicted - actual)
    loss, actual, predicted, probability = facts
    return ExtremeRow(
        row_id=row_id,
        label=label.classes[int(actual)],
        prediction=label.classes[int(predicted)],
        error=loss,
        probability=probability,
    )


RowValues = Mapping[tuple[int, float], Mapping[str, str | None]]
"""Values of rows, by hash and label; the label of a class is its id."""


def with_values(label: LabelSpec, extremes: Extremes, values: RowValues) -> Extremes:
    """The same rows with their values in the source, if these are known."""

    def with_source(row: ExtremeRow) -> ExtremeRow:
        number = label.classes.index(row.label) if isinstance(row.label, str) else row.label
        return row.model_copy(update={"values": values.get((row.row_id, float(number)), {})})

    return Extremes(worst=tuple(map(with_source, extremes.worst)), best=tuple(map(with_source, extremes.best)))
