from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.config.evaluate import EvaluateConfig, ThresholdConfig


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (0.3, {"at": 0.3}),
        ("f1", {"goal": "f1"}),
        ({"goal": "recall", "at_least": 0.9}, {"goal": "recall", "at_least": 0.9}),
        (
            {"goal": "cost", "false_positive": 1, "false_negative": 5},
            {"goal": "cost", "false_positive": 1.0, "false_negative": 5.0},
        ),
    ],
)
def test_a_threshold_is_a_number_or_a_goal(given: Any, wanted: dict[str, Any]) -> None:
    found = EvaluateConfig(threshold=given)
    assert found.threshold == ThresholdConfig(**wanted)
    assert EvaluateConfig.model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"goal": "recall"}, "goal recall takes at_least. Received: none"),
        ({"goal": "cost", "false_positive": 1}, "takes false_positive and false_negative. Received: false_positive"),
        ({"at_least": 0.9}, "a threshold without a goal takes no further number. Received: at_least"),
        ({"goal": "f1", "at": 0.4}, "goal f1 finds the threshold itself. Remove at: 0.4"),
        ("f2", "'f1', 'recall' or 'cost'"),
        (1.5, "less than or equal to 1"),
        (True, "a number is needed, not true or false"),
    ],
)
def test_a_goal_without_its_numbers_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EvaluateConfig(threshold=given)
