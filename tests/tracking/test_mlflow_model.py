"""A logged model takes a data frame of raw columns and answers as the Keras model does, without pickle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.networks.mlp import MlpConfig
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.store.filesystem import StoragePath, storage_path
from tests.support import kinds
from tests.tracking.conftest import Open

if TYPE_CHECKING:
    from mlflow import MlflowClient

pytestmark = pytest.mark.slow

NUMERIC = (
    ScaledFeature(name="age", source="age", fill=40.0, center=40.0, scale=10.0),
    ScaledFeature(name="net worth", source="net worth", fill=None, center=0.0, scale=1.0),
)
CATEGORICAL = (VocabularyFeature(name="region", sources=("region",), vocabulary=("98101", "north", NULL_TOKEN)),)
LABELS = {
    "regression": LabelSpec(name="y", task="regression", transform="log", center=2.0, scale=0.5),
    "binary": LabelSpec(name="y", task="binary", classes=("no", "yes")),
    "multiclass": LabelSpec(name="y", task="multiclass", classes=("a", "b", "c")),
}
RAW = {"region": ["north", None, "elsewhere"], "net worth": [1, 2, 3], "age": [50.0, None, 20.0], "id": [7, 8, 9]}


def state_of(task: str) -> FittedFeatures:
    return FittedFeatures(numeric=NUMERIC, categorical=CATEGORICAL, label=LABELS[task], null_values=("?", ""))


def save_model(folder: Path, state: FittedFeatures) -> StoragePath:
    """A network with its first weights, wrapped to take raw columns."""
    from pipeline.model.network import build_network
    from pipeline.model.serving import build_serving_model

    network = build_network(MlpConfig(hidden=()), state, seed=1)
    build_serving_model(network, state).save(folder / "model.keras")
    return storage_path(str(folder)).child("model.keras")


def keras_answer(file: StoragePath) -> dict[str, np.ndarray]:
    """What the Keras model itself says to the rows of `RAW`."""
    import keras
    import tensorflow as tf

    tensors = {
        "age": tf.constant([[50.0], [np.nan], [20.0]], tf.float64),
        "net worth": tf.constant([[1.0], [2.0], [3.0]], tf.float64),
        "region": tf.constant([["north"], [NULL_TOKEN], ["elsewhere"]]),
    }
    return {name: np.asarray(values) for name, values in keras.saving.load_model(file.path)(tensors).items()}


@pytest.fixture
def load(open_run: Open, client: MlflowClient, tmp_path: Path) -> Any:
    """Logs a model to a run and loads it again, as a user does."""

    def loaded(state: FittedFeatures) -> tuple[Any, StoragePath]:
        import mlflow

        file = save_model(tmp_path, state)
        with open_run(experiment="models") as tracker:
            uri = tracker.log_model(file, state)
        mlflow.set_tracking_uri(client.tracking_uri)
        return mlflow.pyfunc.load_model(uri), file

    return loaded


def test_regression_answers_in_the_labels_unit(load: Any) -> None:
    model, file = load(state_of("regression"))
    found = model.predict(pd.DataFrame(RAW))
    assert list(found.columns) == ["prediction"]
    np.testing.assert_allclose(found["prediction"], keras_answer(file)["prediction"][:, 0], rtol=1e-6)


def test_two_classes_answer_with_label_and_probabilities(load: Any) -> None:
    model, file = load(state_of("binary"))
    rows = pd.DataFrame(RAW, index=[10, 20, 30])
    found = model.predict(rows)
    assert list(found.columns) == ["label", "probability_no", "probability_yes"]
    assert list(found.index) == [10, 20, 30]
    np.testing.assert_allclose(found["probability_yes"], keras_answer(file)["probabilities"][:, 1], rtol=1e-6)
    np.testing.assert_allclose(found["probability_no"] + found["probability_yes"], 1.0, rtol=1e-6)
    assert list(found["label"]) == ["yes" if p > 0.5 else "no" for p in found["probability_yes"]]


def test_several_classes_and_odd_input(load: Any) -> None:
    from mlflow.exceptions import MlflowException

    model, file = load(state_of("multiclass"))
    rows = pd.DataFrame(RAW)
    found = model.predict(rows)
    expected = keras_answer(file)["probabilities"]
    np.testing.assert_allclose(found[["probability_a", "probability_b", "probability_c"]], expected, rtol=1e-6)
    assert list(found["label"]) == ["abc"[place] for place in expected.argmax(axis=1)]

    assert len(model.predict(rows.iloc[:0])) == 0
    assert list(model.predict(pd.concat([rows] * 4000))["label"]) == list(found["label"]) * 4000
    absent = model.predict(rows[["net worth"]]).drop(columns="label")
    null = model.predict(rows.assign(age=None, region=None)).drop(columns="label")
    np.testing.assert_array_equal(absent, null)
    texts = model.predict(rows.assign(region=["98101", "98101", None])).drop(columns="label")
    floats = model.predict(rows.assign(region=[98101.0, 98101.0, None])).drop(columns="label")
    np.testing.assert_array_equal(texts, floats)
    marked = model.predict(rows.assign(age=["50", " ? ", "20.0"], region=["north", "?", "x"])).drop(columns="label")
    np.testing.assert_array_equal(marked, found.drop(columns="label"))
    flags = model.predict(rows.assign(**{"net worth": ["TRUE", "False", True]}))
    np.testing.assert_array_equal(flags, model.predict(rows.assign(**{"net worth": [1, 0, 1]})))

    with pytest.raises(MlflowException, match=r"missing inputs \['net worth'\]"):
        model.predict(rows.drop(columns="net worth"))
    with pytest.raises(Exception, match="Nulls in columns that had none in training: net worth"):
        model.predict(rows.assign(**{"net worth": [1.0, np.inf, 2.0]}))
    with pytest.raises(Exception, match="Column 'age' must be numeric"):
        model.predict(rows.assign(age=["old", "young", "old"]))


def test_loading_unpickles_nothing_and_refuses_an_altered_file(load: Any, track_root: StoragePath) -> None:
    import mlflow

    seen: list[str] = []
    watching = [True]
    sys.addaudithook(lambda event, _: seen.append(event) if watching and event == "pickle.find_class" else None)
    model, _ = load(state_of("regression"))
    model.predict(pd.DataFrame(RAW))
    watching.clear()
    assert seen == []

    folder = Path(track_root.path, "mlartifacts", "models", model.metadata.model_id, "artifacts")
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pickle"}]
    assert (folder / "code" / "pipeline" / "kinds" / "layer.py").is_file()
    (folder / "artifacts" / "model.keras").write_bytes(b"something else")
    with pytest.raises(Exception, match=r"model\.keras was altered after it was logged"):
        mlflow.pyfunc.load_model(f"models:/{model.metadata.model_id}")


def test_signature_names_every_raw_column(load: Any) -> None:
    model, _ = load(state_of("multiclass"))
    inputs = model.metadata.get_input_schema()
    assert {column.name: column.required for column in inputs.inputs} == {
        "age": False,
        "net worth": True,
        "region": False,
    }
    assert model.metadata.get_output_schema().input_names() == [
        "label",
        "probability_a",
        "probability_b",
        "probability_c",
    ]
    assert model.metadata.metadata["categorical"] == ["region"]


def test_every_kind_of_feature_is_served_from_raw_columns(load: Any) -> None:
    """Derived columns, crosses and hashes: the data frame holds what the source held."""
    import keras

    model, file = load(kinds.every_kind(LABELS["regression"]))
    expected = np.asarray(keras.saving.load_model(file.path)(kinds.raw_tensors())["prediction"])[:, 0]
    rows = pd.DataFrame(kinds.ROWS, columns=["area", "city", "zip", "tags"])
    np.testing.assert_allclose(model.predict(rows)["prediction"], expected, rtol=1e-6)
    numbers = rows.assign(zip=pd.to_numeric(rows["zip"]))
    alike = rows["zip"].isna() | (rows["zip"] == "98101")
    np.testing.assert_allclose(model.predict(numbers[alike])["prediction"], expected[alike], rtol=1e-6)
    columns = model.metadata.get_input_schema().inputs
    assert [(column.name, column.required) for column in columns] == [
        ("area", False),
        ("city", False),
        ("zip", False),
        ("tags", False),
    ]
