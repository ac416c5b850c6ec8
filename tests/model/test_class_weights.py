"""Weights of classes have the mean 1 over training rows, and mistakes are named."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from pipeline.errors import ConfigError
from pipeline.model.class_weights import class_weights_of
from pipeline.schemas.label import LabelSpec

LABEL = LabelSpec(name="y", task="multiclass", classes=("low", "middle", "high"), counts=(70, 20, 10))


def test_balanced_equals_scikit_learn():
    rows = np.repeat([0, 1, 2], LABEL.counts)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 2]), y=rows)
    assert class_weights_of(LABEL, "balanced") == pytest.approx(expected, rel=1e-12)


def test_given_weights_keep_their_ratios_and_get_the_mean_1():
    found = np.array(class_weights_of(LABEL, {"high": 5.0, "low": 0.5}))
    assert found / found[1] == pytest.approx([0.5, 1.0, 5.0])
    assert found @ np.array(LABEL.counts) == pytest.approx(100.0)


def test_none_leaves_all_rows_alike():
    assert class_weights_of(LABEL, "none") is None
    assert class_weights_of(LabelSpec(name="y", task="regression"), "none") is None


@pytest.mark.parametrize(
    ("label", "wanted", "message"),
    [
        (LABEL, {"hihg": 2.0}, r"names 'hihg', which is no class of label 'y'. Did you mean 'high'\?"),
        (LABEL, {"a": 1.0, "b": 1.0}, r"does not fit the label \(2 problems\):"),
        (LABEL, {"low": 0.0, "middle": 0.0, "high": 0.0}, r"leaves no training row of label 'y' any weight"),
        (LabelSpec(name="y", task="regression"), "balanced", r"is a number. Allowed: none. Received: balanced"),
        (LabelSpec(name="y", task="regression"), {"a": 2.0}, r"Received: {'a': 2.0}"),
    ],
)
def test_what_does_not_fit_is_named(label, wanted, message):
    with pytest.raises(ConfigError, match=message):
        class_weights_of(label, wanted)
