"""The result of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document


class CrossvalResult(Document):
    """The metrics of the folds on their held-out rows.

    Attributes:
        id: the id of this cross-validation, by which a later one is compared with it.
        folds: the metrics of each fold; None where its rows do not define one.
        mean: the mean of each metric, over the folds that define it.
        std: its standard deviation, of the sample.
        intervals: the bounds of the mean's 95 % interval, by metric.
        pooled: the metrics of all held-out rows together, if each row is held out once.
        rows: the number of rows that were divided.
        predictions: URI of the folder of out-of-fold predictions.
        comparison: the comparison with `crossval.compare_to`, in a sentence.
        seconds: the duration of the job.
        run_id: the tracked run, if any.
    """

    id: str
    folds: tuple[Mapping[str, float | None], ...]
    mean: Mapping[str, float | None]
    std: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    pooled: Mapping[str, float | None]
    rows: int
    predictions: str
    comparison: str | None = None
    seconds: float = 0.0
    run_id: str | None = None
