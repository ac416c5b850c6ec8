"""Nested cross-validation: the settings of each fold are chosen by a search within its own training rows."""

from __future__ import annotations

from dataclasses import replace

from pipeline.config.run import RunConfig
from pipeline.errors import ConfigError
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.rows.folds import FoldUse
from pipeline.stages.context import Resources
from pipeline.stages.folds import Folds, prepare_folds
from pipeline.stages.search_log import log_trials
from pipeline.stages.trial_rows import TrialRows, shapes_rows
from pipeline.stages.trials import Trials, best_trial, check_space
from pipeline.store.store import Store
from pipeline.tracking.tracker import NullTracker
from pipeline.tuning.parallel import Stopper
from pipeline.tuning.space import Settings, configured

DIVIDING = ("data.", "split.", "seed")
"""Settings that decide which rows are in which fold."""


def use_of(config: RunConfig) -> FoldUse:
    """The use of the folds of a cross-validation."""
    return "nested" if config.crossval.nested and config.search.crossval else "measure"


def choose_settings(
    resources: Resources, config: RunConfig, folds: Folds, number: int, stopper: Stopper, *, name: str
) -> tuple[RunConfig, Store, Settings]:
    """Search within the training rows of a fold.

    Its trials have no tracked runs: the table of all trials is logged to the run of the fold.

    Args:
        resources: the job's resources, with the tracked run of the fold.
        config: the configuration of the cross-validation.
        folds: all folds.
        number: the number of this fold.
        stopper: stops the search when the job ends.
        name: the name of the fold, for messages.

    Returns:
        The configuration with the best settings, the store of the fold for it, and these settings.

    Raises:
        ConfigError: settings of the space would change the folds.
        TrainError: all trials failed, or the search was stopped.
    """
    untracked = replace(resources, runs=resources.runs.disabled(), tracker=NullTracker())

    def prepare(asked: RunConfig) -> tuple[Store, ...]:
        of_trial = folds if asked is config else _folds_alike(untracked, asked, folds)
        return of_trial.inner(number) or (of_trial.stores[number],)

    trials = Trials(untracked, config, TrialRows(config, prepare), name=f"{name}, ")
    with stopper.registered(trials.stop):
        records, _ = trials.run()
    best = best_trial(records, config)
    log_trials(resources.tracker, records, config.search)
    chosen = configured(config, best.settings)
    if shapes_rows(best.settings):
        folds = _folds_alike(resources, chosen, folds)
    return chosen, folds.stores[number], best.settings


def check_nested(config: RunConfig) -> None:
    """Check, before anything starts, that a space can be searched within each fold.

    Raises:
        ConfigError: it is empty, does not fit the configuration, or would change the folds.
    """
    check_space(config)
    dividing = [name for name in config.search.space if name.startswith(DIVIDING)]
    if dividing:
        raise ConfigError(
            f"search.space has {', '.join(dividing)}, which would change the rows that are held out. Allowed within "
            "crossval.nested: settings of model, train and features. Remove it from the space."
        )


def _folds_alike(resources: Resources, config: RunConfig, folds: Folds) -> Folds:
    """Folds with other features, which must hold out the same rows: else a trial would see those of its fold."""
    others = prepare_folds(resources, StoreSpec.of(config), config.crossval, use_of(config))
    if others.manifest.folds_id == folds.manifest.folds_id:
        return others
    raise ConfigError(
        "Settings of search.space change the columns that identify a row, and so its fold. Set data.key or data.group, "
        "or remove settings of features from the space."
    )
