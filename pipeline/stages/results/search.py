"""The result of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.schemas.document import Document
from pipeline.stages.results.run import EvaluateResult, TrainResult


class FrontTrial(Document):
    """A trial that no other one beats in all goals.

    Attributes:
        number: counted from 0.
        params: its settings by name.
        value: of the metric.
        further: the values of the other goals, by name.
        parameters: how many weights its network has.
    """

    number: int
    params: Mapping[str, Any]
    value: float
    further: Mapping[str, float] = {}
    parameters: int | None = None


class BestTrial(FrontTrial):
    """The best trial of a search, see `search.tolerance`.

    Attributes:
        run_id: of the tracked run in which it was trained again, evaluated and logged.
    """

    run_id: str | None


class SearchResult(Document):
    """A search, and its best trial trained and evaluated in full.

    Attributes:
        best: the best trial.
        front: the trials that no other one beats, the best by the metric first; empty where that is the only goal.
        trials: how many there were, earlier jobs' included.
        finished: that ran to their end.
        pruned: that were ended since they were behind.
        failed: that ended with an error.
        failures: how often each cause.
        train: the model of the best trial.
        evaluate: its test metrics.
        seconds: that the job took.
        run_id: of the tracked run, if any.
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
