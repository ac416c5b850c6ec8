"""The linear baseline finds what is linear in numeric and one-hot columns, and survives degenerate training rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.evaluation.linear_baseline import Inputs, LinearBaseline, fit_baseline
from pipeline.schemas.label import LabelSpec

REGRESSION = LabelSpec(name="y", task="regression")
BINARY = LabelSpec(name="y", task="binary", classes=("a", "b"))
MULTICLASS = LabelSpec(name="y", task="multiclass", classes=("a", "b", "c"))


def make_inputs(rows: int = 4000, seed: int = 0) -> Inputs:
    generator = np.random.default_rng(seed)
    numeric = generator.normal(size=(rows, 2)).astype(np.float32) * [1.0, 1e5] + [0.0, 1e6]
    ids = np.column_stack([generator.integers(0, 3, rows), generator.integers(0, 4, rows)]).astype(np.int32)
    return Inputs(numeric.astype(np.float32), ids, (3, 4))


def test_regression_in_the_labels_own_unit() -> None:
    inputs = make_inputs()
    offsets = np.array([100.0, 0.0, -50.0])
    label = 7.0 * inputs.numeric[:, 0] - 2e-3 * inputs.numeric[:, 1] + offsets[inputs.ids[:, 0]] + 3000.0
    found = fit_baseline(REGRESSION, inputs, label).predict(inputs)
    assert found.shape == (4000,)
    assert np.abs(found - label).mean() < 0.2


def test_two_classes_give_the_probability_of_class_1() -> None:
    inputs = make_inputs()
    label = (inputs.ids[:, 0] == 2).astype(np.int32)
    found = fit_baseline(BINARY, inputs, label).predict(inputs)
    assert found.shape == (4000,)
    assert found[label == 1].min() > 0.9
    assert found[label == 0].max() < 0.1


def test_several_classes_with_one_absent_in_training() -> None:
    inputs = make_inputs()
    label = np.where(inputs.ids[:, 0] == 0, 0, 2)
    found = fit_baseline(MULTICLASS, inputs, label).predict(inputs)
    assert found.shape == (4000, 3)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert (found.argmax(axis=1) == label).all()
    assert (found[:, 1] == 0.0).all()


@pytest.mark.parametrize("label", [REGRESSION, BINARY, MULTICLASS])
def test_baseline_survives_its_file(label: LabelSpec) -> None:
    inputs = make_inputs(200)
    fitted = fit_baseline(label, inputs, inputs.ids[:, 0] % max(len(label.classes), 2))
    again = LinearBaseline.from_bytes(fitted.to_bytes())
    assert np.array_equal(again.predict(inputs), fitted.predict(inputs))


def test_probabilities_are_scikit_learns() -> None:
    inputs = make_inputs(300)
    numeric = Inputs(inputs.numeric, np.empty((300, 0), np.int32), ())
    for label, ids in ((BINARY, inputs.ids[:, 0] % 2), (MULTICLASS, inputs.ids[:, 0])):
        scaled = (inputs.numeric - inputs.numeric.mean(axis=0)) / inputs.numeric.std(axis=0)
        table = LogisticRegression(max_iter=200).fit(scaled, ids).predict_proba(scaled)
        found = fit_baseline(label, numeric, ids).predict(numeric)
        assert found == pytest.approx(table[:, 1] if label is BINARY else table, abs=1e-4)


def test_one_of_several_classes_is_always_predicted() -> None:
    inputs = make_inputs(20)
    found = fit_baseline(MULTICLASS, inputs, np.full(20, 2)).predict(inputs)
    assert found.tolist() == [[0.0, 0.0, 1.0]] * 20


def test_one_class_only_is_always_predicted() -> None:
    inputs = make_inputs(20)
    assert fit_baseline(BINARY, inputs, np.ones(20, np.int32)).predict(inputs).tolist() == [1.0] * 20


def test_numeric_or_categorical_columns_alone() -> None:
    both = make_inputs(500)
    label = both.numeric[:, 0].astype(np.float64)
    numeric = Inputs(both.numeric, np.empty((500, 0), np.int32), ())
    assert np.abs(fit_baseline(REGRESSION, numeric, label).predict(numeric) - label).mean() < 0.01
    categorical = Inputs(np.empty((500, 0), np.float32), both.ids, (3, 4))
    assert fit_baseline(REGRESSION, categorical, label).predict(categorical).shape == (500,)


def test_constant_column_is_harmless() -> None:
    inputs = Inputs(np.ones((50, 1), np.float32), np.zeros((50, 1), np.int32), (1,))
    assert fit_baseline(REGRESSION, inputs, np.full(50, 4.0)).predict(inputs) == pytest.approx(4.0)
