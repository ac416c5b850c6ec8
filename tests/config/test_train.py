"""`train.class_weights` as people write it."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from pipeline.config.train import TrainConfig


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", "none"),
        ("balanced", "balanced"),
        ("{'no': 1, 'yes': 2.5}", {"no": 1.0, "yes": 2.5}),
        ("{0: 1, 1: 0}", {"0": 1.0, "1": 0.0}),
    ],
)
def test_what_is_allowed(text, expected):
    section = TrainConfig(class_weights=yaml.safe_load(text))
    assert section.class_weights == expected
    assert TrainConfig.model_validate_json(section.model_dump_json()) == section


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("balance", "allowed are none, balanced, or a weight for each class by name. Received: 'balance'"),
        ("{}", "allowed are none, balanced"),
        ("2", "Received: 2"),
        ("{yes: 2}", "a class is named True, as YAML reads it: write the names of classes in quotes"),
        ("{a: -1}", "the weight of class 'a' must be a number, 0 or more. Received: -1"),
        ("{a: .inf}", "Received: inf"),
        ("{a: .nan}", "Received: nan"),
        ("{a: many}", "Received: 'many'"),
    ],
)
def test_what_is_not(text, message):
    with pytest.raises(ValidationError) as caught:
        TrainConfig(class_weights=yaml.safe_load(text))
    assert message in str(caught.value)
    assert caught.value.error_count() == 1
