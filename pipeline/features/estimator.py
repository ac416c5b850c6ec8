"""Where `PipelineModel.load` finds the classes of stages that were saved by version 0.1."""

from pipeline.preparation.estimator.estimator import FeatureEstimator, FeatureModel

__all__ = ["FeatureEstimator", "FeatureModel"]
