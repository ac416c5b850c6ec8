"""The result of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.schemas.document import Document
from pipeline.stages.results.run import EvaluateResult, TrainResult
from pipeline.tracking.tracker import Upload


class FrontTrial(Document):
    """A trial on the Pareto front.

    Attributes:
        number: its number, counted from 0.
        params: its settings by name.
        value: its value of the metric.
        further: its values of the other goals, by name.
        parameters: the number of weights of its network.
    """

    number: int
    params: Mapping[str, Any]
    value: float
    further: Mapping[str, float] = {}
    parameters: int | None = None


class BestTrial(FrontTrial):
    """The best trial of a search, see `search.tolerance`.

    Attributes:
        run_id: the tracked run in which it was trained again, evaluated and logged.
    """

    run_id: str | None


class SearchResult(Document):
    """A search, and its best trial trained and evaluated in full.

    Attributes:
        best: the best trial.
        front: the Pareto front, the best by the metric first; empty where the metric is the only goal.
        trials: the number of trials, including those of earlier jobs.
        finished: the number of trials that finished.
        pruned: the number of trials that were pruned.
        failed: the number of trials that ended with an error.
        failures: the number of trials by error message.
        train: the model of the best trial.
        evaluate: its test metrics.
        seconds: the duration of the job.
        run_id: the tracked run, if any.
        upload: whether the tracking server has the model of the best trial; None if nothing is tracked.
    """

    best: BestTrial
    front: tuple[FrontTrial, ...] = ()
    trials: int
    finished: int
    pruned: int
    failed: int
    failures: Mapping[str, int]
    train: TrainResult
    evaluate: EvaluateResult
    seconds: float = 0.0
    run_id: str | None = None
    upload: Upload | None = None
