"""The report of an evaluation, put together from what was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.evaluation.importance import importance_of
from pipeline.evaluation.measures import (
    calibration_of,
    classes_of,
    confusion_of,
    curves_of,
    extremes_of,
    measure,
    regression_of,
    thresholds_of,
)
from pipeline.evaluation.predict import NETWORK, PredictJob, Scored
from pipeline.evaluation.regression import RegressionTally
from pipeline.evaluation.report import EvalReport, ExtremeRow, Extremes
from pipeline.evaluation.tally import Measure
from pipeline.schemas.label import LabelSpec

RowValues = Mapping[tuple[int, float], Mapping[str, str | None]]
"""Values of rows by id and label; the label of a class is its id."""


def assemble(label: LabelSpec, job: PredictJob, scored: Scored, *, further: Sequence[str] = ()) -> EvalReport:
    """Everything but slices and the values of single rows.

    Args:
        label: the fitted label.
        job: what was predicted.
        scored: what was counted.
        further: metrics of the user's own, see `evaluate.metrics`.
    """
    tally = scored.tallies[NETWORK]
    measured = measure(tally, further=further)
    report = EvalReport(
        task=label.task,
        label=label.name,
        split=job.split,
        rows=tally.rows,
        metrics=measured.metrics,
        intervals=measured.intervals,
        errors_of_bins=measured.error_bounds,
        baselines={
            name: measure(other, with_intervals=False, further=further).metrics
            for name, other in scored.tallies.items()
            if name != NETWORK
        },
        importance=importance_of(label.target.main_metric, scored.shuffled),
        extremes=extremes_of(Measure.of(label), tally),
        decision=job.decision,
    )
    if isinstance(tally, RegressionTally):
        return report.model_copy(update={"regression": regression_of(tally, np.array(job.edges), log=job.log)})
    return report.model_copy(
        update={
            "confusion": confusion_of(label, tally),
            "classes": classes_of(label, tally),
            "curves": curves_of(label, tally),
            "calibration": calibration_of(label, tally),
            "thresholds": thresholds_of(tally),
        }
    )


def with_values(label: LabelSpec, extremes: Extremes, values: RowValues) -> Extremes:
    """The same rows with what the source has for them, where it is known."""

    def known(row: ExtremeRow) -> ExtremeRow:
        number = label.classes.index(row.label) if isinstance(row.label, str) else row.label
        return row.model_copy(update={"values": values.get((row.row_id, float(number)), {})})

    return Extremes(worst=tuple(map(known, extremes.worst)), best=tuple(map(known, extremes.best)))
