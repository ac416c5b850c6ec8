"""Calibration is what scikit-learn fits on the same rows, and brings an overconfident network's probabilities home."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from pipeline.config.evaluate import EvaluateConfig
from pipeline.errors import ConfigError
from pipeline.model.calibration import fit_calibration
from pipeline.model.decision import calibrated, check_decision, logit
from pipeline.schemas.decision import Calibration
from pipeline.schemas.label import LabelSpec

ROWS = 4000


@pytest.fixture(scope="module")
def overconfident() -> tuple[np.ndarray, np.ndarray]:
    """Class ids, and probabilities whose logits are three times too large."""
    random = np.random.default_rng(0)
    z = random.normal(-0.5, 1.5, ROWS)
    return (random.random(ROWS) < expit(z)).astype(np.int64), expit(3.0 * z)


def network() -> LogisticRegression:
    """An estimator whose decision function is its only column."""
    found = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    found.coef_, found.intercept_ = np.ones((1, 1)), np.zeros(1)
    return found


def expected_error(ids: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over ten bins of how far the rate is from the mean probability, weighed by rows."""
    bins = np.minimum((probabilities * 10).astype(int), 9)
    gaps = [abs(ids[bins == b].mean() - probabilities[bins == b].mean()) * (bins == b).sum() for b in np.unique(bins)]
    return sum(gaps) / len(ids)


@pytest.mark.parametrize(("kind", "method"), [("platt", "sigmoid"), ("isotonic", "isotonic")])
def test_it_is_what_scikit_learn_fits(overconfident, kind, method):
    ids, given = overconfident
    z = logit(given)[:, None]
    reference = CalibratedClassifierCV(FrozenEstimator(network()), method=method).fit(z, ids)
    fresh = np.linspace(0.001, 0.999, 500)
    found = calibrated(fit_calibration(kind, ids, given), fresh)
    expected = reference.predict_proba(logit(fresh)[:, None])[:, 1]
    if kind == "platt":
        np.testing.assert_allclose(found, expected, atol=1e-5)  # as far as its optimizer goes
    else:  # it interpolates over logits, which differ from probabilities between two points only
        at_points = fit_calibration(kind, ids, given).scores
        np.testing.assert_allclose(
            calibrated(fit_calibration(kind, ids, given), np.array(at_points)),
            reference.predict_proba(logit(np.clip(at_points, 1e-12, 1 - 1e-12))[:, None])[:, 1],
            atol=1e-9,
        )


def test_platts_slope_is_that_of_a_logistic_regression_but_for_its_targets(overconfident):
    ids, given = overconfident
    regression = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(given)[:, None], ids)
    found = fit_calibration("platt", ids, given)
    assert found.slope == pytest.approx(regression.coef_[0, 0], rel=5e-3)
    assert found.intercept == pytest.approx(regression.intercept_[0], abs=5e-3)
    assert found.slope == pytest.approx(1 / 3, rel=0.1)


@pytest.mark.parametrize("kind", ["platt", "isotonic", "temperature"])
def test_the_expected_calibration_error_falls_on_rows_not_seen(overconfident, kind):
    ids, given = overconfident
    fitted = fit_calibration(kind, ids[::2], given[::2])
    before, after = (expected_error(ids[1::2], p[1::2]) for p in (given, calibrated(fitted, given)))
    assert before > 0.1
    assert after < 0.03


def test_a_temperature_has_the_least_loss_of_all(overconfident):
    ids, given = overconfident
    found = fit_calibration("temperature", ids, given).temperature
    assert found == pytest.approx(3.0, rel=0.1)
    random = np.random.default_rng(1)
    z = random.normal(0, 1, (ROWS, 4))
    many = (softmax(z, axis=1).cumsum(1) < random.random((ROWS, 1))).sum(1)
    too_sure = softmax(2.5 * z, axis=1)
    for label, probabilities in ((ids, given), (many, too_sure)):
        fitted = fit_calibration("temperature", label, probabilities)
        losses = [
            log_loss(
                label, calibrated(fitted.model_copy(update={"temperature": fitted.temperature * by}), probabilities)
            )
            for by in (0.99, 1.0, 1.01)
        ]
        assert losses[1] == min(losses)
    assert fit_calibration("temperature", many, too_sure).temperature == pytest.approx(2.5, rel=0.1)


@pytest.mark.parametrize("kind", ["platt", "isotonic", "temperature"])
def test_the_order_of_the_rows_does_not_matter_and_perfect_separation_is_no_trouble(overconfident, kind):
    ids, given = overconfident
    fitted, again = fit_calibration(kind, ids, given), fit_calibration(kind, ids[::-1], given[::-1])
    np.testing.assert_allclose(calibrated(fitted, given), calibrated(again, given), rtol=1e-6)
    apart = np.where(ids == 1, 1.0, 0.0)
    found = calibrated(fit_calibration(kind, ids, apart), np.array([0.0, 0.5, 1.0]))
    assert np.isfinite(found).all()
    assert found[0] < 0.01
    assert found[2] > 0.99
    same = calibrated(fit_calibration(kind, ids, np.full(ROWS, 0.7)), np.array([0.7]))
    tolerance = 0.21 if kind == "temperature" else 1e-3  # which leaves all above a half above a half
    assert same[0] == pytest.approx(ids.mean(), abs=tolerance)


def test_none_leaves_probabilities_alone(overconfident):
    ids, given = overconfident
    assert fit_calibration("none", ids, given) == Calibration()
    assert (calibrated(Calibration(), given) == given).all()


def test_what_does_not_fit_the_label_is_refused():
    price = LabelSpec(name="price", task="regression")
    kind = LabelSpec(name="kind", task="multiclass", classes=("a", "b", "c"))
    with pytest.raises(
        ConfigError, match=r"(?s)2 problems.*calibration does not fit the regression label 'price'\. All"
    ):
        check_decision(price, EvaluateConfig(calibration="platt", threshold=0.4))
    with pytest.raises(ConfigError, match=r"Allowed: none, temperature\. Received: isotonic\."):
        check_decision(kind, EvaluateConfig(calibration="isotonic"))
    with pytest.raises(ConfigError, match=r"evaluate\.threshold is for labels of two classes"):
        check_decision(kind, EvaluateConfig(threshold="f1"))
    check_decision(kind, EvaluateConfig(calibration="temperature"))
    check_decision(price, EvaluateConfig())
