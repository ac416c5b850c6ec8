"""The saved model decides as numpy does, and from the threshold on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from pipeline.model.decision import calibrated, class_ids
from pipeline.schemas.decision import Calibration, DecisionRule

keras = pytest.importorskip("keras")

import tensorflow as tf  # noqa: E402 (takes seconds to import)

from pipeline.model.prediction_layer import PredictionLayer  # noqa: E402

LOGITS = np.array([-800.0, -40.0, -3.0, -1e-3, -0.0, 0.0, 1e-3, 0.5, 3.0, 16.5, 20.0, 30.0, 800.0], np.float32)[:, None]
OF_TWO = [
    Calibration(),
    Calibration(kind="platt", slope=0.1, intercept=-0.7),
    Calibration(kind="temperature", temperature=7.5),
    Calibration(kind="isotonic", scores=(0.05, 0.4, 0.5, 0.95), rates=(0.1, 0.1, 0.6, 0.8)),
    Calibration(kind="isotonic", scores=(0.3,), rates=(0.25,)),
]


@pytest.mark.parametrize("calibration", OF_TWO, ids=lambda c: f"{c.kind}-{len(c.scores)}")
def test_two_classes_are_decided_as_in_numpy(tmp_path, calibration):
    raw = expit(LOGITS.astype(np.float64))
    expected = calibrated(calibration, raw)
    decision = DecisionRule(calibration=calibration, threshold=float(expected[7, 0]) - 1e-9)
    inputs = keras.Input((1,), dtype="float32")
    layer = PredictionLayer(("no", "yes"), calibration.model_dump(mode="json"), decision.threshold)
    keras.Model(inputs, layer(inputs)).save(tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras", compile=False, safe_mode=True)
    for answer in (model(LOGITS), tf.function(model)(LOGITS)):
        np.testing.assert_allclose(answer["probabilities"], np.hstack([1 - expected, expected]), rtol=1e-6, atol=1e-12)
        names = np.array(["no", "yes"], object)[class_ids(decision, expected)]
        assert [name.decode() for name in answer["label"].numpy()[:, 0]] == list(names)
    assert {b"no", b"yes"} >= set(answer["label"].numpy()[:, 0])


@pytest.mark.parametrize("temperature", [None, 0.25, 6.0])
def test_several_classes_are_decided_as_in_numpy(temperature):
    calibration = Calibration(kind="temperature", temperature=temperature) if temperature else Calibration()
    z = np.concatenate([np.random.default_rng(0).normal(0, 20, (50, 3)), [[600.0, -600.0, 0.0]]]).astype(np.float32)
    exact = np.exp(z.astype(np.float64) - z.max(1, keepdims=True))
    raw = exact / exact.sum(1, keepdims=True)
    expected = calibrated(calibration, raw)
    answer = PredictionLayer(("a", "b", "c"), calibration.model_dump(mode="json"))(z)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-6, atol=1e-12)
    assert [name.decode() for name in answer["label"].numpy()[:, 0]] == [
        "abc"[i] for i in class_ids(DecisionRule(calibration=calibration), expected)
    ]
    np.testing.assert_allclose(expected.sum(1), 1.0)


def test_a_row_at_the_threshold_belongs_to_the_second_class():
    answer = PredictionLayer(("no", "yes"), {}, 0.5)(np.array([[0.0], [-1e-6]], np.float32))
    assert answer["label"].numpy()[:, 0].tolist() == [b"yes", b"no"]
    assert class_ids(DecisionRule(), [0.5, 0.4999999]).tolist() == [1, 0]
    assert class_ids(DecisionRule(threshold=0.2), np.array([[0.2], [0.1]])).tolist() == [1, 0]


def test_calibrated_probabilities_keep_their_shape_and_their_order():
    p = np.linspace(0.0, 1.0, 101)
    for calibration in OF_TWO:
        found = calibrated(calibration, p)
        assert found.shape == p.shape
        assert (np.diff(found) >= 0).all()
        np.testing.assert_array_equal(calibrated(calibration, p[:, None])[:, 0], found)
