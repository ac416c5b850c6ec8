"""The stores on which a search trains its trials: one, or several folds."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pipeline.config.run import RunConfig
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.stages.context import Resources
from pipeline.stages.folds import prepare_folds
from pipeline.stages.prepare import prepare_store
from pipeline.store.store import Store
from pipeline.tuning.space import Settings

OF_THE_STORE = ("data.", "features.", "split.", "seed")
"""Settings that shape the stores: a space with one of them needs a store for each of its values."""

Prepare = Callable[[RunConfig], tuple[Store, ...]]
"""From a configuration to the stores of its trials; a trial trains on each of them in turn."""


class TrialRows:
    """The stores of trials."""

    def __init__(self, config: RunConfig, prepare: Prepare) -> None:
        """Prepares the stores of the configuration itself.

        Args:
            config: the configuration of the search.
            prepare: prepares the stores of a configuration, or reuses them.
        """
        self._prepare, self._lock = prepare, threading.Lock()
        self.default_stores = prepare(config)

    def of(self, config: RunConfig, settings: Settings) -> tuple[Store, ...]:
        """The stores that a trial's settings need."""
        if not shapes_rows(settings):
            return self.default_stores
        with self._lock:  # one at a time: trials in parallel may need the same store
            return self._prepare(config)


def shapes_rows(settings: Settings) -> bool:
    """Whether one of the settings shapes the stores."""
    return any(name.startswith(OF_THE_STORE) for name in settings)


def stores_of_trials(resources: Resources, config: RunConfig) -> tuple[Store, ...]:
    """The stores of all trials: with `search.crossval` the folds of training and validation rows, else one store."""
    store_spec = StoreSpec.of(config)
    if config.search.crossval:
        return prepare_folds(resources, store_spec, config.crossval, "choose").stores
    store, _ = prepare_store(resources, store_spec, config.drift)
    return (store,)
