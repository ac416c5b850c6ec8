"""Optuna's samplers, and the two searches that queue their trials themselves."""

from __future__ import annotations

from typing import Any

from pipeline.samplers import Sampler


def _tpe(config: Any, seed: int) -> Any:
    import optuna

    # Trials that still run count as bad, so that trials in parallel do not all try the same.
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=config.startup_trials, multivariate=True, group=True, constant_liar=True
    )


def _random(_: Any, seed: int) -> Any:
    import optuna

    return optuna.samplers.RandomSampler(seed=seed)


def _cmaes(config: Any, seed: int) -> Any:
    import optuna

    return optuna.samplers.CmaEsSampler(
        seed=seed, n_startup_trials=config.startup_trials, warn_independent_sampling=False
    )


TPE = Sampler("tpe", "tree-structured Parzen estimators", _tpe, takes_several_goals=True)
RANDOM = Sampler("random", "independent draws", _random, takes_several_goals=True)
GRID = Sampler("grid", "all combinations of a finite space", _random, takes_several_goals=True, is_queued=True)
CMAES = Sampler("cmaes", "covariance matrix adaptation, for numbers", _cmaes)
CAPACITY = Sampler("capacity", "the smallest network that is good enough", _random, is_queued=True)
