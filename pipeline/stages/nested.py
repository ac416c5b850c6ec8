"""Nested cross-validation: the settings of each fold are chosen by a search within its own training rows."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from pipeline.config.run import RunConfig
from pipeline.data.folds import FoldUse
from pipeline.search.space import Settings, configured
from pipeline.search.table import table
from pipeline.stages.context import StageContext
from pipeline.stages.folds import Folds, prepare_folds
from pipeline.stages.trial_rows import TrialRows, shapes_rows
from pipeline.stages.trials import Trials, best_trial
from pipeline.store.store import Store
from pipeline.track.tracker import NullTracker

LISTED = 10


class Searches:
    """The searches that run now, so that all can be told to stop."""

    def __init__(self) -> None:
        """None runs yet."""
        self._trials: list[Trials] = []
        self._lock = threading.Lock()

    @contextmanager
    def noting(self, trials: Trials) -> Iterator[None]:
        """One runs while the block does."""
        with self._lock:
            self._trials.append(trials)
        try:
            yield
        finally:
            with self._lock:
                self._trials.remove(trials)

    def stop(self) -> None:
        """Tell all of them."""
        with self._lock:
            for trials in self._trials:
                trials.stop()


def use_of(config: RunConfig) -> FoldUse:
    """What the folds of a cross-validation are for."""
    return "nested" if config.crossval.nested and config.search.crossval else "measure"


def choose_settings(
    stage: StageContext, folds: Folds, number: int, searches: Searches, *, name: str
) -> tuple[StageContext, Folds, Settings]:
    """Search within the training rows of a fold.

    Its trials have no tracked runs of their own: the table of all is with the run of the fold.

    Args:
        stage: of the fold.
        folds: all of them.
        number: of this one.
        searches: where the search is noted.
        name: of the fold, for people.

    Returns:
        The job and the folds with the settings that were found, and these.

    Raises:
        TrainError: all trials failed, or the search was told to stop.
    """
    config = stage.config

    def prepare(opened: StageContext) -> tuple[Store, ...]:
        found = folds if opened.config is config else prepare_folds(opened, use_of(config))
        return found.inner(number) or (found.stores[number],)

    unseen = config.model_copy(update={"track": config.track.model_copy(update={"enabled": False})})
    trials = Trials(
        replace(stage, config=unseen, tracker=NullTracker()),
        TrialRows(replace(stage, tracker=NullTracker()), prepare),
        name=f"{name}, ",
    )
    with searches.noting(trials):
        records, _ = trials.run()
    best = best_trial(records, config)
    stage.tracker.log_text(json.dumps([asdict(record) for record in records], indent=1), "trials.json")
    stage.tracker.log_text(table(records, config.search.goals, most=LISTED), "trials.md")
    chosen = replace(stage, config=configured(config, best.settings))
    if shapes_rows(best.settings):
        # With the window of the others, so that what is counted adds up.
        folds = replace(prepare_folds(chosen, use_of(config)), window=folds.window)
    return chosen, folds, best.settings
