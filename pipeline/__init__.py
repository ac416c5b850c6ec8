"""From a table in a lake to a trained, tracked and servable Keras model.

The steps, for notebooks and programs, with what they need loaded at their first use:

    from pipeline import load_config, prepare, train, evaluate
    config = load_config("conf/bank.yaml")

and, for pipelines of pyspark.ml, `FeatureEstimator` and `FeatureModel`.
"""

from __future__ import annotations

from importlib import import_module
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


def __getattr__(name: str) -> Any:
    """Import a step when it is asked for, so that `import pipeline` loads neither Spark nor TensorFlow."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    step = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return step


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
