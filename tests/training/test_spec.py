"""What a training run is named by."""

from __future__ import annotations

import pytest

from pipeline.config.load import parse_config
from pipeline.training.spec import TrainingSpec

CONTENT = {"name": "test", "data": {"source": {"sample": "iris"}, "label": "species"}}


def model_id(store_id: str = "store", **sections: object) -> str:
    return TrainingSpec.of(parse_config(CONTENT | sections), store_id).model_id


@pytest.mark.parametrize(
    "section",
    [{"seed": 1}, {"model": {"hidden": [3]}}, {"train": {"epochs": 2}}, {"evaluate": {"calibration": "temperature"}}],
)
def test_settings_that_shape_a_model_give_it_another_name(section):
    assert model_id(**section) != model_id()


@pytest.mark.parametrize(
    "section",
    [{"train": {"checkpoint": None}}, {"train": {"tensorboard": True}}, {"export": {"formats": ["saved_model"]}}],
)
def test_settings_without_influence_on_the_weights_do_not(section):
    assert model_id(**section) == model_id()


def test_another_store_gives_another_name():
    assert model_id("other") != model_id()
