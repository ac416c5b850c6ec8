"""Search: trials with different settings in parallel, then the best one trained and evaluated in full."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.config.search import SearchConfig
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.runtime.progress import Progress
from pipeline.stages.context import Resources, open_stage, tracked
from pipeline.stages.prepare import prepare_store
from pipeline.stages.results.search import BestTrial, FrontTrial, SearchResult
from pipeline.stages.run import train_and_evaluate
from pipeline.stages.search_log import log_search
from pipeline.stages.trial_rows import TrialRows, stores_of_trials
from pipeline.stages.trials import Trials, best_trial, check_space, trial_slots
from pipeline.store.store import Store
from pipeline.tuning.final import check_final, with_validation_rows
from pipeline.tuning.pareto_front import pareto_front
from pipeline.tuning.record import TrialRecord
from pipeline.tuning.space import configured


def search(config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None) -> SearchResult:
    """Search the space of a configuration; resumes an interrupted search.

    Args:
        config: the experiment, with `search.space`.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        ConfigError: the space does not fit the configuration.
        TrainError: all trials failed; the message counts the causes.
    """
    start = time.monotonic()
    check_final(check_space(config))
    slots, settings = trial_slots(config)
    if slots < config.train.workers:
        slots, settings = config.train.workers, ["train.workers"]
    with (
        open_stage(config, "search", spark=spark, progress=progress, workers=slots, settings=settings) as opened,
        tracked(opened, config) as resources,
    ):
        rows = TrialRows(config, partial(stores_of_trials, resources))
        records, importance = Trials(resources, config, rows).run()
        best = best_trial(records, config)
        log_search(resources.tracker, config.search, records, best, importance, title=config.name)
        trained, evaluated = train_and_evaluate(resources, *_final(resources, config, rows, best))
    upload = resources.tracker.upload  # as it is once the run has ended
    states = Counter(record.state for record in records)
    return SearchResult(
        best=BestTrial(**_summary(best), run_id=resources.tracker.run_id),
        front=_front(records, config.search),
        trials=len(records),
        finished=states["finished"],
        pruned=states["pruned"],
        failed=states["failed"],
        failures=Counter(record.failure for record in records if record.failure),
        train=trained.model_copy(update={"upload": upload}),
        evaluate=evaluated,
        seconds=time.monotonic() - start,
        run_id=resources.tracker.run_id,
        upload=upload,
    )


def _final(resources: Resources, config: RunConfig, rows: TrialRows, best: TrialRecord) -> tuple[RunConfig, Store]:
    """The configuration with the best settings, and the store for its final training run; see `search.final`."""
    config = configured(config, best.settings)
    if config.search.final == "train_and_validation":
        config = with_validation_rows(config, best.best_epoch or config.train.epochs)
    elif not config.search.crossval:
        return config, rows.of(config, best.settings)[0]
    store, _ = prepare_store(resources, StoreSpec.of(config), config.drift)
    return config, store


def _summary(record: TrialRecord) -> dict[str, Any]:
    """The fields of a finished trial in the job's result."""
    return {
        "number": record.number,
        "params": record.settings,
        "value": record.reached,
        "further": record.further,
        "parameters": record.parameters,
    }


def _front(records: Sequence[TrialRecord], config: SearchConfig) -> tuple[FrontTrial, ...]:
    """The Pareto front, where there are several goals."""
    front = pareto_front(records, config.goals) if config.further_goals else ()
    return tuple(FrontTrial(**_summary(record)) for record in front)
