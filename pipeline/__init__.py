"""From a table in a lake to a trained, tracked and servable Keras model.

The steps, for notebooks and programs, with what they need loaded at their first use:

    from pipeline import load_config, prepare, train, evaluate
    config = load_config("conf/bank.yaml")

and, for pipelines of pyspark.ml, `FeatureEstimator` and `FeatureModel`.

Four of them, `train`, `evaluate`, `search` and `score`, are named like the packages that they are made of. As
attributes of `pipeline` these names mean the functions; what is in the packages is imported by
`from pipeline.train.job import RankJob`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.config import load_config as load_config
    from pipeline.preparation.estimator.estimator import FeatureEstimator as FeatureEstimator
    from pipeline.preparation.estimator.estimator import FeatureModel as FeatureModel
    from pipeline.stages.crossval import cross_validate as cross_validate
    from pipeline.stages.drift import drift as drift
    from pipeline.stages.evaluate import evaluate as evaluate
    from pipeline.stages.prepare import prepare as prepare
    from pipeline.stages.run import run as run
    from pipeline.stages.score import score as score
    from pipeline.stages.search import search as search
    from pipeline.stages.train import train as train

__version__ = "0.1.0"

_HOMES = {
    "load_config": "pipeline.config",
    "prepare": "pipeline.stages.prepare",
    "train": "pipeline.stages.train",
    "evaluate": "pipeline.stages.evaluate",
    "run": "pipeline.stages.run",
    "cross_validate": "pipeline.stages.crossval",
    "search": "pipeline.stages.search",
    "drift": "pipeline.stages.drift",
    "score": "pipeline.stages.score",
    "FeatureEstimator": "pipeline.preparation.estimator.estimator",
    "FeatureModel": "pipeline.preparation.estimator.estimator",
}


class _Package(ModuleType):
    """Keeps the import system from putting packages in the places of the functions that are called alike."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        function = getattr(import_module(_HOMES[name]), name)
        super().__setattr__(name, function)
        return function

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOMES})


sys.modules[__name__].__class__ = _Package
