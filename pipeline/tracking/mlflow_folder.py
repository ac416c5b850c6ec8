"""A model in MLflow's own format: a folder that holds the Keras file, the code that applies it, and its signature.

The model is logged as code (`scoring/mlflow_model.py`), so nothing is pickled, and TensorFlow is not loaded here.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType

from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.registry import imported_modules
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import FEATURES, MODEL
from pipeline.store.versions import version_of

PACKAGE = Path(__file__).parents[1]
CODE = PACKAGE / "scoring" / "mlflow_model.py"
NEEDED = ("tensorflow", "tensorflow-cpu", "keras", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "setuptools")
"""Distributions that the logged model needs; those that are installed are pinned."""

EXAMPLE_ROWS = 3


def write_model_folder(folder: Path, file: StoragePath, state: FittedFeatures, *, model_id: str, run_id: str) -> None:
    """Write the folder.

    Args:
        folder: a folder that does not exist yet.
        file: the Keras file, wherever it is stored.
        state: the fitted features, with the raw columns and the label.
        model_id: MLflow's id of the model that the folder will belong to.
        run_id: the run that logs it.
    """
    sources = folder.with_name(f"{folder.name}.sources")
    sources.mkdir()
    content = files.read_bytes(file)
    (sources / MODEL).write_bytes(content)
    (sources / FEATURES).write_text(state.to_json(), encoding="utf-8")
    mlflow.pyfunc.save_model(
        path=str(folder),
        mlflow_model=Model(model_uuid=model_id, model_id=model_id, run_id=run_id),
        python_model=str(CODE),
        code_paths=[str(PACKAGE)],
        artifacts={"model": str(sources / MODEL), "features": str(sources / FEATURES)},
        model_config={"sha256": hashlib.sha256(content).hexdigest(), "modules": sorted(imported_modules())},
        metadata=_columns(state),
        signature=signature_of(state),
        input_example=example_of(state),
        pip_requirements=requirements(),
    )


def signature_of(state: FittedFeatures) -> Any:
    """Raw columns in, predictions out; a column whose nulls can be filled may be missing.

    MLflow refuses whole numbers (int64) for a column that is declared as `double` or `string`, and nulls for one
    that is declared as `long`. Columns are therefore of type `Any`, and checked by the model itself.
    """
    anything = AnyType()  # type: ignore[no-untyped-call]
    needed = never_null(state)
    inputs = Schema([ColSpec(anything, column.name, required=column.name in needed) for column in state.raw])
    outputs: list[Any] = [
        ColSpec("string" if name == "label" else "double", name) for name in state.label.prediction_columns
    ]
    return ModelSignature(inputs=inputs, outputs=Schema(outputs))


def never_null(state: FittedFeatures) -> tuple[str, ...]:
    """Raw columns whose nulls a feature cannot fill, because training rows had none."""
    unfilled = {column for feature in state.features if not feature.fills_null for column in feature.inputs}
    return tuple(column.name for column in state.raw if column.name in unfilled)


def example_of(state: FittedFeatures) -> pd.DataFrame:
    """A few rows of raw columns with values that the features know; MLflow stores them and does not score them."""
    return pd.DataFrame(
        {column.name: _values(state, column.name, column.type == "number") for column in state.raw},
        index=range(EXAMPLE_ROWS),
    )


def _values(state: FittedFeatures, column: str, is_number: bool) -> list[Any]:
    """Example values; null for a column that only expressions use, because its values were not learned."""
    examples: dict[Any, None] = {}
    for feature in state.features:
        examples |= dict.fromkeys(islice((v for v in feature.examples(column) if v != NULL_TOKEN), EXAMPLE_ROWS))
    values = list(examples) or [1.0 if is_number else None]
    return [values[row % len(values)] for row in range(EXAMPLE_ROWS)]


def requirements() -> list[str]:
    """The distributions that the logged model needs to predict, in the versions that are installed here."""
    installed = {name: version_of(name) for name in NEEDED}
    return [f"{name}=={version}" for name, version in installed.items() if version]


def _columns(state: FittedFeatures) -> dict[str, Any]:
    """Metadata that the signature cannot express."""
    return {
        "numeric": [column.name for column in state.raw if column.type == "number"],
        "categorical": [column.name for column in state.raw if column.type == "text"],
        "label": state.label.name,
        "task": state.label.task,
    }
