"""Every metric equals scikit-learn's or a value worked out by hand; what rows do not define is None."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from pipeline.errors import TrainError
from pipeline.evaluate.metrics import classification_metrics, confusion_counts, probability_table, regression_metrics


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    warnings.simplefilter("error")


def random_problem(classes: int, rows: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Class ids and a float32 softmax that leans towards the right class."""
    generator = np.random.default_rng(classes)
    ids = generator.integers(0, classes, rows)
    scores = generator.normal(size=(rows, classes)) + np.eye(classes)[ids]
    table = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return ids, table.astype(np.float32)


def test_regression_by_hand() -> None:
    found = regression_metrics([1.0, 2.0, 3.0, 10.0], [[2.0], [2.0], [5.0], [9.0]])
    assert found == {
        "mae": 1.0,
        "rmse": pytest.approx(np.sqrt(1.5), abs=1e-15),
        "r2": pytest.approx(1 - 6 / 50, abs=1e-15),
        "median_absolute_error": 1.0,
    }


def test_regression_is_computed_in_float64() -> None:
    label = np.full(100_000, 1e8, dtype=np.float32)
    label[::2] += 8
    found = regression_metrics(label, label.astype(np.float64) + 0.125)
    assert found["mae"] == pytest.approx(0.125, abs=1e-12)
    assert found["rmse"] == pytest.approx(0.125, abs=1e-12)


@pytest.mark.parametrize("label", [[5.0], [5.0, 5.0, 5.0]])
def test_r2_of_a_constant_label_is_undefined(label: list[float]) -> None:
    found = regression_metrics(label, np.array(label) + 1)
    assert found["r2"] is None
    assert found["mae"] == 1.0


def test_two_classes_equal_scikit_learn() -> None:
    ids, table = random_problem(2)
    positive = table[:, 1].astype(np.float64)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(ids, positive > 0.5),
        "log_loss": sklearn_metrics.log_loss(ids, positive),
        "auc": sklearn_metrics.roc_auc_score(ids, positive),
    }
    assert classification_metrics(ids, table[:, 1], 2) == pytest.approx(expected, abs=1e-12)
    assert classification_metrics(ids, table[:, 1:], 2) == pytest.approx(expected, abs=1e-12)


def test_several_classes_equal_scikit_learn() -> None:
    ids, table = random_problem(4)
    exact = table.astype(np.float64) / table.astype(np.float64).sum(axis=1, keepdims=True)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(ids, exact.argmax(axis=1)),
        "log_loss": sklearn_metrics.log_loss(ids, exact),
        "auc": sklearn_metrics.roc_auc_score(ids, exact, multi_class="ovr", average="macro"),
    }
    assert classification_metrics(ids, table, 4) == pytest.approx(expected, abs=1e-12)


def test_confusion_counts_equal_scikit_learn() -> None:
    ids, table = random_problem(5)
    expected = sklearn_metrics.confusion_matrix(ids, table.argmax(axis=1), labels=range(5))
    assert confusion_counts(ids, table, 5).tolist() == expected.tolist()


def test_confusion_counts_by_hand() -> None:
    assert confusion_counts([0, 0, 1, 1], [0.2, 0.9, 0.8, 0.5], 2).tolist() == [[1, 1], [1, 1]]


def test_one_class_only_has_no_auc() -> None:
    found = classification_metrics([1, 1], [0.5, 0.25], 2)
    assert found == {"accuracy": 0.0, "log_loss": pytest.approx(-np.log(0.5 * 0.25) / 2), "auc": None}


def test_auc_leaves_out_classes_without_rows() -> None:
    table = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.65, 0.25, 0.1]])
    assert classification_metrics([0, 0, 1, 1], table, 3)["auc"] == pytest.approx(0.75)


@pytest.mark.parametrize("classes", [2, 3])
def test_no_rows_define_nothing(classes: int) -> None:
    assert set(regression_metrics([], []).values()) == {None}
    assert set(classification_metrics([], np.empty((0, classes)), classes).values()) == {None}
    assert confusion_counts([], np.empty((0, classes)), classes).sum() == 0


def test_certain_but_wrong_stays_finite() -> None:
    found = classification_metrics([0, 1], np.array([1.0, 0.0], dtype=np.float32), 2)
    assert found["log_loss"] == pytest.approx(-np.log(np.finfo(np.float64).eps))


def test_diverged_network_is_named() -> None:
    with pytest.raises(TrainError, match="2 of 3 predictions are not finite numbers: the network diverged"):
        regression_metrics([1, 2, 3], [1.0, np.nan, np.inf])
    with pytest.raises(TrainError, match="1 of 2 predictions"):
        classification_metrics([0, 1], [[0.5, 0.5, 0.0], [np.nan, 0.5, 0.0]], 3)


def test_probabilities_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="3 probabilities a row do not fit 4 classes"):
        probability_table(np.ones((2, 3)), 4)
