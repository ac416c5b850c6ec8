"""A SavedModel answers as the Keras model does, whatever its columns are called."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.config.export import ExportConfig
from pipeline.errors import TrainError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.networks.mlp import MlpConfig
from pipeline.schemas.decision import Calibration, DecisionRule
from pipeline.schemas.label import LabelSpec

keras = pytest.importorskip("keras")

import tensorflow as tf  # noqa: E402 (takes seconds to import)

from pipeline.model import saved  # noqa: E402
from pipeline.model.network import build_network  # noqa: E402
from pipeline.model.saved import input_names, rows_to_try, write_saved_model  # noqa: E402
from pipeline.model.serving import build_serving_model  # noqa: E402
from tests.support import kinds  # noqa: E402

BINARY = LabelSpec(name="y", task="binary", classes=("no", "yes"))
DECISION = DecisionRule(calibration=Calibration(kind="platt", slope=0.5, intercept=1.0), threshold=0.7)
NAMES = FittedFeatures(
    numeric=tuple(ScaledFeature(name=name, source=name, fill=1.0) for name in ("hours-per week", "1st", "__x")),
    categorical=(VocabularyFeature(name="région été", sources=("région été",), vocabulary=("nord", "süd")),),
    label=BINARY,
)


def model_of(state: FittedFeatures, decision: DecisionRule = DECISION) -> keras.Model:
    return build_serving_model(build_network(MlpConfig(hidden=(4,)), state, seed=1), state, decision)


@pytest.mark.parametrize(
    "state", [NAMES, kinds.every_kind(BINARY), kinds.every_kind(LabelSpec(name="y", task="regression"))],
    ids=["names", "binary", "regression"],
)  # fmt: skip
def test_it_answers_as_the_keras_model(tmp_path, state):
    model = model_of(state)
    write_saved_model(model, state, tmp_path / "saved_model")
    columns = json.loads((tmp_path / "saved_model" / "assets.extra" / "columns.json").read_text())
    rows = rows_to_try(state)
    assert set(columns.values()) == set(rows)
    served = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    found = served(**{name: rows[column] for name, column in columns.items()})
    for name, expected in model(rows).items():
        if expected.dtype == tf.string:
            assert (found[name].numpy() == expected.numpy()).all()
        else:
            np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-6)


def test_one_that_answers_otherwise_is_refused(tmp_path):
    model, state = model_of(NAMES), NAMES
    other = model_of(state, DecisionRule())
    write_saved_model(model, state, tmp_path / "good")
    with pytest.raises(TrainError, match=r"probabilities differs by 0\.\d+\. Allowed: 1e-06\. Remove saved_model"):
        saved._compare(other, tmp_path / "good", rows_to_try(state), input_names([c.name for c in state.raw]))


def test_names_are_told_apart():
    assert input_names(["a b", "a-b", "a_b", "1"]) == {"a b": "a_b", "a-b": "a_b_2", "a_b": "a_b_3", "1": "column_1"}


@pytest.mark.parametrize(("name", "reason"), [("onnx", "look-up of texts"), ("tflite", "no float64")])
def test_formats_that_cannot_be_verified_are_refused_with_the_reason(name, reason):
    assert ExportConfig(formats="saved_model").formats == ("saved_model",)
    with pytest.raises(ValueError, match=rf"{name} is not possible: .*{reason}.*Allowed: saved_model"):
        ExportConfig(formats=[name])
