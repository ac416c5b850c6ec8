"""The result of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document


class CrossvalResult(Document):
    """What the folds of a cross-validation reached on their held-out rows.

    Attributes:
        id: of this cross-validation, by which a later one is compared with it.
        folds: metrics of each fold; None where its rows do not define one.
        mean: of each metric, over the folds that define it.
        std: their deviation, of the sample.
        intervals: by metric, the bounds of the mean's 95 % interval.
        pooled: metrics of all held-out rows together, where each row is held out once.
        rows: that were divided.
        predictions: URI of the folder of out-of-fold predictions.
        comparison: with the one of `crossval.compare_to`, in a sentence.
        seconds: that the job took.
        run_id: of the tracked run, if any.
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
