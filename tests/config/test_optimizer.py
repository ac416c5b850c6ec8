"""`train.optimizer` as people write it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.config.train import TrainConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, "momentum is allowed for sgd and rmsprop. Received: adam"),
        (
            {"optimizer": {"clip_norm": 1.0, "clip_value": 0.5}},
            "only one kind of clipping is allowed. Received: clip_value, clip_norm",
        ),
        ({"optimizer": {"clip_global_norm": 0}}, "greater than 0"),
        ({"optimizer": {"backward_passes_per_step": 0}}, "greater than or equal to 1"),
        ({"optimizer": {"compression": "int8"}}, "'none', 'fp16' or 'bf16'"),
        ({"optimizer": {"reduction": "adasum"}, "workers": 3}, "allowed are 1, 2, 4, 8 and so on. Received: 3"),
        ({"mixed_precision": "float8"}, "'none', 'float16' or 'bfloat16'"),
    ],
)
def test_what_does_not_fit_is_named(settings, message):
    with pytest.raises(ValidationError) as caught:
        TrainConfig(**settings)
    assert message in str(caught.value)
    assert caught.value.error_count() == 1


def test_a_name_alone_is_an_optimizer_and_a_metric():
    section = TrainConfig(optimizer="sgd", metrics="auc")
    assert (section.optimizer.name, section.optimizer.learning_rate, section.metrics) == ("sgd", 1e-3, ("auc",))
    assert TrainConfig.model_validate_json(section.model_dump_json()) == section
