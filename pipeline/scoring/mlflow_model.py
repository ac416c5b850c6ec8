"""The code of a logged model: MLflow runs this file, so nothing is pickled.

Raw columns of a data frame become the dict of tensors that the Keras model takes; its output becomes a data frame with
`prediction` in the label's unit, or `label` and one `probability_CLASS` per class.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from pipeline.arrays.date_texts import find_date_texts
from pipeline.arrays.expressions import evaluate
from pipeline.errors import DataError, StoreError
from pipeline.formatting import listed, shortened
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.text_reading import TextReading
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.scoring.served_requests import adapt_server
from pipeline.scoring.spelling import Categories, categories_of, markers_of, number_in, reading_of
from pipeline.tracking.mlflow_folder import never_null

ROWS_AT_ONCE = 8192
"""Bounds the memory of the expanded features of a long data frame."""


class RawColumnsModel(PythonModel):
    """Loads the Keras model when MLflow loads the model, not when it is logged."""

    def load_context(self, context: Any) -> None:
        """Read the features and the Keras model from the model's artifacts.

        Raises:
            StoreError: the Keras file is not the one that was logged, or has a class that is not allowed.
        """
        adapt_server()
        import pipeline.model.serving  # noqa: F401 (registers the layers that the file names)
        from pipeline.model.keras_file import load_keras_file

        file, features = Path(context.artifacts["model"]), Path(context.artifacts["features"])
        if hashlib.sha256(file.read_bytes()).hexdigest() != context.model_config["sha256"]:
            raise StoreError(f"Model file {file.name} was altered after it was logged. Log the model again.")
        self._state = FittedFeatures.from_json(features.read_bytes(), features.name)
        self._categories = categories_of(self._state)
        self._model = load_keras_file(file, context.model_config.get("modules", ()))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Score rows.

        Args:
            context: not used.
            model_input: raw columns, in any order; other columns are ignored, missing ones count as null.
            params: not used.

        Raises:
            MlflowException: a value has the wrong type for its column, or is a null that training did not learn to
                fill; a server answers with status 400 and the message.
        """
        try:
            return self._scored(model_input)
        except DataError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error

    def _scored(self, model_input: pd.DataFrame) -> pd.DataFrame:
        names = [column.name for column in self._state.raw]
        if not any(name in model_input for name in names):
            # MLflow leaves out the columns that its signature does not have.
            received = listed(model_input.columns) or "no columns of these names"
            raise DataError(
                f"The rows have none of the model's columns. Allowed: {listed(names)}. Received: {received}. "
                "Send rows as the model's input example has them."
            )
        starts = range(0, max(1, len(model_input)), ROWS_AT_ONCE)
        parts = [self._score(model_input.iloc[start : start + ROWS_AT_ONCE]) for start in starts]
        return pd.concat(parts, ignore_index=True).set_index(model_input.index)

    def _score(self, rows: pd.DataFrame) -> pd.DataFrame:
        output = self._model(to_tensors(rows, self._state, self._categories), training=False)
        return answer({name: np.asarray(values) for name, values in output.items()}, self._state.label)


def to_tensors(rows: pd.DataFrame, state: FittedFeatures, categories: Mapping[str, Categories]) -> dict[str, Any]:
    """The inputs of the Keras model: float64 [b, 1] for a numeric column, string [b, 1] for a text column.

    NaN stands for null and infinities, NULL_TOKEN for a text that is null.

    Raises:
        DataError: a value has the wrong type for its column, or is a null that training did not learn to fill.
    """
    import tensorflow as tf

    numbers = {
        column.name: _numbers(
            _column(rows, column.name), markers_of(state, column.name), reading_of(state, column.name)
        )
        for column in state.raw
        if column.type == "number"
    }
    _refuse_nulls([name for name in never_null(state) if np.isnan(numbers[name]).any()])
    texts = {name: _texts(_column(rows, name), spelling) for name, spelling in categories.items()}
    _refuse_no_dates(rows, state, numbers, texts)
    tensors: dict[str, Any] = {name: tf.constant(column[:, None], tf.float64) for name, column in numbers.items()}
    return tensors | {name: tf.constant(column, tf.string, (len(rows), 1)) for name, column in texts.items()}


def answer(output: Mapping[str, NDArray[Any]], label: LabelSpec) -> pd.DataFrame:
    """The Keras model's output, a dict of arrays, as a data frame; numbers are float64."""
    if label.classes:
        named = [name.decode() for name in output["label"][:, 0]]
        columns = [np.asarray(named, object), *output["probabilities"].astype(np.float64).T]
    else:
        columns = [*output["prediction"].astype(np.float64).T]
    return pd.DataFrame(dict(zip(label.prediction_columns, columns, strict=True)))


def _column(rows: pd.DataFrame, name: str) -> pd.Series[Any]:
    return rows[name] if name in rows else pd.Series([None] * len(rows), dtype=object)


def _numbers(column: pd.Series[Any], markers: frozenset[str], reading: TextReading) -> NDArray[np.float64]:
    is_plain = is_numeric_dtype(column)
    cells = column if is_plain else column.astype(object).map(lambda cell: number_in(cell, markers, reading))
    try:
        values: NDArray[np.float64] = pd.to_numeric(cells).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        index = next((index for index, cell in enumerate(cells) if not _is_number(cell)), 0)
        raise DataError(
            f"Column '{column.name}' must be numeric. Allowed: numbers, true and false, numbers as text, null. "
            f"Received: {shortened(column.iloc[index])} in row {column.index[index]}. Correct it, or send null."
        ) from error
    return np.where(np.isfinite(values), values, np.nan)


def _refuse_no_dates(
    rows: pd.DataFrame,
    state: FittedFeatures,
    numbers: Mapping[str, NDArray[np.float64]],
    texts: Mapping[str, Sequence[str]],
) -> None:
    """Refuse texts that features read as dates, and that are none: the model would take them for nulls."""
    date_texts = find_date_texts(state.derived)
    if not date_texts:
        return
    columns = {name: pa.array(values, pa.float64(), from_pandas=True) for name, values in numbers.items()}
    columns |= {
        name: pa.array([None if value == NULL_TOKEN else value for value in values], pa.string())
        for name, values in texts.items()
    }
    for derived in state.derived:
        columns[derived.name] = evaluate(derived.expression, columns, len(rows))
    good = np.ones(len(rows), np.bool_)
    for text in date_texts:
        unreadable = text.unreadable(columns, good)
        if unreadable.any():
            index = int(np.argmax(unreadable))
            received = shortened(text.values(columns, len(rows))[index].as_py())
            what = f"Column '{text.user}' reads a text that" if text.column is None else f"Column '{text.column}'"
            raise DataError(
                f"{what} is not a date. Allowed: {text.layouts}. Received: {received} in row {rows.index[index]}. "
                "Correct it, or send null."
            )


def _is_number(cell: Any) -> bool:
    try:
        pd.to_numeric(pd.Series([cell], dtype=object))
    except (TypeError, ValueError):
        return False
    return True


def _refuse_nulls(names: list[str]) -> None:
    if names:
        raise DataError(
            f"Nulls in columns that had none in training: {', '.join(names)}. "
            "Fill them, or set impute for these columns and train again."
        )


def _texts(column: pd.Series[Any], categories: Categories) -> list[str]:
    for index, cell in enumerate(column):
        if isinstance(cell, (list, tuple, dict, set, np.ndarray)):
            raise DataError(
                f"Column '{column.name}' must hold single values. Allowed: text, numbers, true and false, times, null. "
                f"Received: {shortened(cell)} in row {column.index[index]}. Send one value; several go into one text."
            )
    return [categories.text(value) for value in column]


set_model(RawColumnsModel())
