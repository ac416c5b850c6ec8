"""The code of a logged model: MLflow runs this file, so nothing is pickled.

Raw columns in a data frame become the dict of tensors that the Keras model takes; its output becomes a data frame:
`prediction` in the label's own unit, or `label` and one `probability_CLASS` a class.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from pipeline.contract.features import NULL_TOKEN, FeatureState
from pipeline.contract.label import LabelSpec, Task


class RawColumnsModel(PythonModel):  # type: ignore[misc]
    """Loads the Keras model when MLflow loads the model, not before."""

    def load_context(self, context: Any) -> None:
        """Read the features and the Keras model from the model's artifacts."""
        import keras

        import pipeline.model.layers  # registers the layers that the file names

        self._layers = pipeline.model.layers
        features = Path(context.artifacts["features"])
        self._state = FeatureState.from_json(features.read_bytes(), features.name)
        self._model = keras.saving.load_model(context.artifacts["model"], compile=False, safe_mode=True)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Score rows.

        Args:
            context: MLflow's.
            model_input: one column a feature; others are ignored.
            params: not used.
        """
        output = np.asarray(self._model(to_tensors(model_input, self._state), training=False), np.float64)
        return answer(output, self._state.label)


def to_tensors(rows: pd.DataFrame, state: FeatureState) -> dict[str, Any]:
    """float32 [b, 1] a numeric column, NaN for null; string [b, 1] a categorical one, NULL_TOKEN for null."""
    import tensorflow as tf

    tensors: dict[str, Any] = {}
    for numeric in state.numeric:
        column = pd.to_numeric(_column(rows, numeric.name)).to_numpy(np.float32, na_value=np.nan)
        tensors[numeric.name] = tf.constant(column[:, None])
    for category in state.categorical:
        column = _column(rows, category.name)
        texts = [NULL_TOKEN if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]
        tensors[category.name] = tf.constant(texts, shape=(len(texts), 1), dtype=tf.string)
    return tensors


def answer(output: np.ndarray[Any, np.dtype[np.float64]], label: LabelSpec) -> pd.DataFrame:
    """The model's output [b, 1] or [b, k] as a data frame."""
    if label.task is Task.REGRESSION:
        return pd.DataFrame({"prediction": output[:, 0]})
    table = np.hstack([1.0 - output, output]) if label.task is Task.BINARY else output
    probabilities = {f"probability_{name}": table[:, position] for position, name in enumerate(label.classes)}
    return pd.DataFrame({"label": np.asarray(label.classes, object)[table.argmax(1)], **probabilities})


def _column(rows: pd.DataFrame, name: str) -> Any:
    return rows[name] if name in rows else pd.Series([None] * len(rows), dtype=object)


set_model(RawColumnsModel())
