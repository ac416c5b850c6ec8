"""The features as a stage of pyspark.ml, for use in other pipelines.

    estimator = FeatureEstimator(features={"numeric": {"columns": ["age"]}}, labelCol="income")
    Pipeline(stages=[estimator, VectorAssembler(inputCols=["age"], outputCol="vector"), LogisticRegression(...)])

A fitted stage has the content of a store's `features.json`, gives the same numbers, and is saved without pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pyspark import keyword_only
from pyspark.ml import Estimator, Model
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import (
    DefaultParamsReadable,
    DefaultParamsReader,
    DefaultParamsWritable,
    DefaultParamsWriter,
    MLReadable,
    MLReader,
    MLWritable,
    MLWriter,
)
from pyspark.sql import DataFrame

from pipeline.config.features import FeaturesConfig
from pipeline.config.load import parse_config
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.estimator.data_frame import feature_names, fit_frame, with_features
from pipeline.preparation.estimator.saving import read_features, write_features
from pipeline.preparation.planning.store_spec import StoreSpec

EVERY_ROW = {"train": 1.0, "validation": 0.0, "test": 0.0}

SAVED_IN = "pipeline"
"""The module of the classes in saved stages, which must not change, whatever file the classes move to."""


def _as_plain(features: Any) -> dict[str, Any]:
    """The section `features` of a configuration as JSON, in which form a stage is saved."""
    if isinstance(features, FeaturesConfig):
        return features.model_dump(mode="json", exclude_unset=True)
    if not isinstance(features, Mapping):
        raise TypeError(f"features must be a dict or FeaturesConfig, not {type(features).__name__}")
    return cast("dict[str, Any]", json.loads(json.dumps(dict(features))))


class _HasOutputPrefix(Params):
    outputPrefix: Param[str] = Param(
        Params._dummy(), "outputPrefix", "put before the name of each new column", TypeConverters.toString
    )

    def getOutputPrefix(self) -> str:
        """The prefix of the names of new columns."""
        return self.getOrDefault(self.outputPrefix)


class FeatureModel(Model, _HasOutputPrefix, MLWritable, MLReadable["FeatureModel"]):
    """Fitted features, which `transform` adds to a data frame.

    `transform` needs the raw columns, keeps all others unchanged, and converts the label, where there is one, into a
    class id or a number. Means of the label (`encoding: target_mean`) are over all rows that were fitted, also for
    these rows themselves: only a store has out-of-fold means.

    Attributes:
        state: the fitted features; those of a store can be used as well, by `FeatureModel(store.features)`.
    """

    __module__ = SAVED_IN

    def __init__(self, state: FittedFeatures) -> None:
        """Create a fitted stage from the features of an estimator or of a store."""
        super().__init__()
        self._setDefault(outputPrefix="")
        self.state = state

    def setOutputPrefix(self, value: str) -> FeatureModel:
        """Set the prefix of the names of new columns."""
        return self._set(outputPrefix=value)

    @property
    def featureCols(self) -> list[str]:
        """The names of the new columns without the label, for a VectorAssembler."""
        return feature_names(self.state, self.getOutputPrefix())

    def _transform(self, dataset: DataFrame) -> DataFrame:
        return with_features(dataset, self.state, self.getOutputPrefix())

    def write(self) -> MLWriter:
        """The writer of the model: `model.write().overwrite().save(path)`."""
        return _FeatureModelWriter(self)

    @classmethod
    def read(cls) -> MLReader[FeatureModel]:
        """The reader of models; see also `FeatureModel.load(path)`."""
        return _FeatureModelReader()


class FeatureEstimator(
    Estimator[FeatureModel], _HasOutputPrefix, DefaultParamsWritable, DefaultParamsReadable["FeatureEstimator"]
):
    """Fits features to all rows of a data frame: split it first, and fit to its training rows.

    Args:
        features: the section `features` of a configuration; empty for default features by column type.
        labelCol: the column to predict.
        task: the task of the label: `auto`, `regression`, `binary` or `multiclass`.
        nullValues: texts that mean null.
        seed: the seed of the sample of rows for quantiles.
        outputPrefix: prefix of the names of new columns; without one, a new column replaces the raw column of the same
            name.
    """

    __module__ = SAVED_IN

    features: Param[dict[str, Any]] = Param(Params._dummy(), "features", "section of a configuration", _as_plain)
    labelCol: Param[str] = Param(Params._dummy(), "labelCol", "the column to predict", TypeConverters.toString)
    task: Param[str] = Param(Params._dummy(), "task", "of the label", TypeConverters.toString)
    nullValues: Param[Sequence[str]] = Param(
        Params._dummy(), "nullValues", "texts that mean null", TypeConverters.toListString
    )
    seed: Param[int] = Param(Params._dummy(), "seed", "of the choice of rows for quantiles", TypeConverters.toInt)

    _input_kwargs: dict[str, Any]

    @keyword_only
    def __init__(
        self,
        *,
        features: Mapping[str, Any] | FeaturesConfig | None = None,
        labelCol: str = "label",
        task: str = "auto",
        nullValues: list[str] | None = None,
        seed: int = 0,
        outputPrefix: str = "",
    ) -> None:
        """Create a stage to fit; see the class for the arguments."""
        super().__init__()
        self._setDefault(features={}, labelCol="label", task="auto", nullValues=[], seed=0, outputPrefix="")
        self._set(**self._input_kwargs)

    def _fit(self, dataset: DataFrame) -> FeatureModel:
        features = fit_frame(dataset, self._store_spec(), self.getOrDefault(self.nullValues))
        return self._copyValues(FeatureModel(features)._resetUid(self.uid))

    def _store_spec(self) -> StoreSpec:
        """The specification of a store with the same columns, of which every row is a training row."""
        value = self.getOrDefault
        content = {
            "name": "frame",
            "seed": value(self.seed),
            # A source is required, but ignored.
            "data": {
                "source": {"table": "frame"},
                "label": value(self.labelCol),
                "task": value(self.task),
                "contract": "none",
            },
            "split": {"fractions": EVERY_ROW},
            "features": value(self.features),
        }
        return StoreSpec.of(parse_config(content))


class _FeatureModelWriter(MLWriter):
    def __init__(self, model: FeatureModel) -> None:
        super().__init__()
        self._model = model

    def saveImpl(self, path: str) -> None:
        DefaultParamsWriter.saveMetadata(self._model, path, self.sparkSession)
        write_features(self.sparkSession, self._model.state, path)


class _FeatureModelReader(MLReader[FeatureModel]):
    def load(self, path: str) -> FeatureModel:
        metadata = DefaultParamsReader.loadMetadata(path, self.sparkSession)
        model = FeatureModel(read_features(self.sparkSession, path))._resetUid(metadata["uid"])
        DefaultParamsReader.getAndSetParams(model, metadata)
        return model
