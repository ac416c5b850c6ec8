"""What the shipped targets say."""

from __future__ import annotations

import math

import pytest

from pipeline.errors import ConfigError
from pipeline.model.losses import fitting_losses, loss_of
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import TARGETS

NUMBER = LabelSpec(name="y", task="regression", transform="standard")
TWO = LabelSpec(name="y", task="binary", classes=("no", "yes"), counts=(75, 25))
THREE = LabelSpec(name="y", task="multiclass", classes=("a", "b", "c"), counts=(5, 0, 5))


def test_a_task_is_a_module():
    assert TARGETS.names == ("binary", "multiclass", "regression")
    with pytest.raises(ValueError, match=r"there is no task 'regresion'.*Did you mean 'regression'"):
        TARGETS.check("regresion")


@pytest.mark.parametrize(
    ("label", "outputs", "label_type", "columns", "losses"),
    [
        (NUMBER, 1, "float64", ("prediction",), ("mse", "mae", "huber")),
        (TWO, 1, "int32", ("label", "probability_no", "probability_yes"), ("cross_entropy",)),
        (THREE, 3, "int32", ("label", "probability_a", "probability_b", "probability_c"), ("cross_entropy",)),
    ],
)
def test_what_a_label_has(label, outputs, label_type, columns, losses):
    assert (label.outputs, label.target.label_type, label.prediction_columns) == (outputs, label_type, columns)
    assert fitting_losses(label) == losses
    assert loss_of(label, "auto").name == losses[0]


def test_a_loss_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"does not fit the binary label 'y'. Allowed: auto, cross_entropy"):
        loss_of(TWO, "mse")


def test_the_losses_of_constant_predictions():
    def constant(label: LabelSpec, loss: str) -> float | None:
        return label.target.constant_loss(label, loss)

    expected = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert constant(TWO, "cross_entropy") == pytest.approx(expected, rel=1e-12)
    assert constant(THREE, "cross_entropy") == pytest.approx(math.log(2), rel=1e-12)
    assert constant(TWO, "house:focal") is None
    assert (constant(NUMBER, "mse"), constant(NUMBER, "mae")) == (1.0, None)
    assert constant(LabelSpec(name="y", task="regression"), "mse") is None
