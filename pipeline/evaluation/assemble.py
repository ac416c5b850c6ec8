"""The report of an evaluation, put together from accumulators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.evaluation.accumulator import AccumulatorSpec
from pipeline.evaluation.class_report import calibration_of, classes_of, confusion_of, curves_of, thresholds_of
from pipeline.evaluation.extremes_report import extremes_of
from pipeline.evaluation.importance import importance_of
from pipeline.evaluation.measured_metrics import compute_metrics
from pipeline.evaluation.predict import Scored
from pipeline.evaluation.predict_job import NETWORK, PredictJob
from pipeline.evaluation.regression_accumulator import RegressionAccumulator
from pipeline.evaluation.regression_report import regression_of
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.schemas.label import LabelSpec


def assemble(label: LabelSpec, job: PredictJob, scored: Scored, *, further: Sequence[str] = ()) -> EvalReport:
    """The report without slices and without the source's values of single rows.

    Args:
        label: the fitted label.
        job: what ranks were asked to predict.
        scored: the accumulators of a scored split.
        further: metrics of the user's own, see `evaluate.metrics`.
    """
    accumulator = scored.accumulators[NETWORK]
    measured = compute_metrics(accumulator, further=further)
    report = EvalReport(
        task=label.task,
        label=label.name,
        split=job.split,
        rows=accumulator.rows,
        metrics=measured.metrics,
        intervals=measured.intervals,
        errors_of_bins=measured.error_bounds,
        baselines={
            name: compute_metrics(other, with_intervals=False, further=further).metrics
            for name, other in scored.accumulators.items()
            if name != NETWORK
        },
        importance=importance_of(label.target.main_metric, scored.shuffled),
        extremes=extremes_of(AccumulatorSpec.of(label), accumulator),
        decision=job.decision,
    )
    if isinstance(accumulator, RegressionAccumulator):
        return report.model_copy(update={"regression": regression_of(accumulator, np.array(job.edges), log=job.log)})
    return report.model_copy(
        update={
            "confusion": confusion_of(label, accumulator),
            "classes": classes_of(label, accumulator),
            "curves": curves_of(label, accumulator),
            "calibration": calibration_of(label, accumulator),
            "thresholds": thresholds_of(accumulator),
        }
    )
