"""The threshold is the best of all there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from pipeline.config.evaluate import EvaluateConfig
from pipeline.model.decision import class_ids
from pipeline.model.threshold import choose_threshold
from pipeline.schemas.decision import DecisionRule

GOALS = ["f1", {"goal": "recall", "at_least": 0.7}, {"goal": "cost", "false_positive": 1, "false_negative": 3}]


def worth(goal: Any, ids: np.ndarray, predicted: np.ndarray) -> float:
    """What a goal makes of predictions, by scikit-learn; more is better."""
    if goal == "f1":
        return float(f1_score(ids, predicted, zero_division=0))
    if goal["goal"] == "recall":
        reached = recall_score(ids, predicted) >= 0.7
        return float(precision_score(ids, predicted, zero_division=0)) if reached else -1.0
    (_, false_positive), (false_negative, _) = confusion_matrix(ids, predicted, labels=[0, 1])
    return float(-false_positive - 3 * false_negative)


@pytest.mark.parametrize("goal", GOALS, ids=str)
@settings(max_examples=25)
@given(rows=st.lists(st.tuples(st.booleans(), st.integers(0, 100)), min_size=1, max_size=15))
def test_no_other_threshold_is_better(goal, rows):
    ids = np.array([*(row[0] for row in rows), True, False]).astype(np.int64)
    probabilities = np.array([*(row[1] / 100 for row in rows), 0.5, 0.5])
    threshold, _ = choose_threshold(EvaluateConfig(threshold=goal).threshold, ids, probabilities)
    found = worth(goal, ids, class_ids(DecisionRule(threshold=threshold), probabilities))
    best = max(worth(goal, ids, (probabilities >= cut).astype(int)) for cut in [*np.unique(probabilities), 2.0])
    assert found == pytest.approx(best)


def test_it_tells_what_it_reaches_and_lies_between_probabilities():
    ids, probabilities = np.array([0, 0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])
    config = {
        goal if isinstance(goal, str) else goal["goal"]: EvaluateConfig(threshold=goal).threshold for goal in GOALS
    }
    assert choose_threshold(config["f1"], ids, probabilities) == (pytest.approx(0.25), "highest F1: 0.8571")
    threshold, told = choose_threshold(config["recall"], ids, probabilities)
    assert (threshold, told) == (pytest.approx(0.25), "recall of at least 0.7: 1, with a precision of 0.75")
    threshold, told = choose_threshold(config["cost"], ids, probabilities)
    assert threshold == pytest.approx(0.25)
    assert told == "lowest cost, a false positive at 1 and a false negative at 3: 0.1667 a row"


def test_neighbouring_numbers_are_told_apart():
    low = 0.5
    ids, probabilities = np.array([0, 1]), np.array([low, np.nextafter(low, 1.0)])
    threshold, _ = choose_threshold(EvaluateConfig(threshold="f1").threshold, ids, probabilities)
    assert class_ids(DecisionRule(threshold=threshold), probabilities).tolist() == [0, 1]
