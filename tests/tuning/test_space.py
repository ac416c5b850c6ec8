"""Settings of trials: what is asked for, under which conditions, and every combination of a finite space once."""

from __future__ import annotations

import json

import pytest

from pipeline.config.load import parse_config
from pipeline.config.search import SearchConfig
from pipeline.errors import ConfigError
from pipeline.tuning.space import configured, first_settings, grid, param_of, suggest


class Scripted:
    """Answers with what is given for a name, and notes what was asked for."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, {}

    def _answer(self, name, **bounds):
        self.asked[name] = bounds
        return self.answers[name.replace(".", "_")]

    def choice(self, name, options):
        return self._answer(name, options=options)

    def whole(self, name, low, high, *, step, log):
        return self._answer(name, low=low, high=high, step=step, log=log)

    def number_between(self, name, low, high, *, step, log):
        return self._answer(name, low=low, high=high, step=step, log=log)


def config_with(space, **search):
    return parse_config(
        {"name": "a", "data": {"source": {"path": "a.csv"}, "label": "y"}, "search": {"space": space, **search}}
    )


def asked_of(space, **answers):
    config, scripted = config_with(space), Scripted(**answers)
    return suggest(config.search.space, config, scripted), scripted.asked


def test_each_kind_of_setting_is_asked_for_with_its_bounds():
    space = {
        "model.activation": {"choice": ["relu", "tanh"]},
        "model.dropout": {"uniform": [0, 0.5], "step": 0.1},
        "train.optimizer.learning_rate": {"loguniform": [1e-4, 1e-1]},
        "train.batch_size": {"int": [64, 512], "step": 64},
    }
    settings, asked = asked_of(
        space, model_activation='"tanh"', model_dropout=0.3, train_optimizer_learning_rate=0.01, train_batch_size=128
    )
    assert settings == {
        "model.activation": "tanh",
        "model.dropout": 0.3,
        "train.optimizer.learning_rate": 0.01,
        "train.batch_size": 128,
    }
    assert asked["model.activation"] == {"options": ['"relu"', '"tanh"']}
    assert asked["model.dropout"] == {"low": 0.0, "high": 0.5, "step": 0.1, "log": False}
    assert asked["train.optimizer.learning_rate"] == {"low": 1e-4, "high": 1e-1, "step": None, "log": True}
    assert asked["train.batch_size"] == {"low": 64, "high": 512, "step": 64, "log": False}


def test_a_list_has_a_length_and_elements():
    space = {"model.hidden": {"list": [1, 3], "of": {"int": [8, 64], "log": True}}}
    settings, asked = asked_of(space, model_hidden_length=2, model_hidden_0=16, model_hidden_1=8)
    assert settings == {"model.hidden": [16, 8]}
    assert asked["model.hidden.length"] == {"low": 1, "high": 3, "step": 1, "log": False}
    assert asked["model.hidden.0"] == {"low": 8, "high": 64, "step": 1, "log": True}


@pytest.mark.parametrize(("name", "asked_for"), [("sgd", True), ("rmsprop", True), ("adam", False)])
def test_a_condition_looks_at_settings_of_the_same_trial(name, asked_for):
    space = {
        "train.optimizer.name": {"choice": ["adam", "sgd", "rmsprop"]},
        "train.optimizer.momentum": {"uniform": [0.5, 0.9], "when": {"train.optimizer.name": ["sgd", "rmsprop"]}},
    }
    settings, _ = asked_of(space, train_optimizer_name=json.dumps(name), train_optimizer_momentum=0.7)
    assert ("train.optimizer.momentum" in settings) == asked_for
    optimizer = configured(config_with(space), settings).train.optimizer
    assert (optimizer.name, optimizer.momentum) == (name, 0.7 if asked_for else 0.0)


def test_what_was_asked_for_is_found_in_the_settings():
    settings = {"model.hidden": [16, 8], "train.optimizer.name": "sgd"}
    assert param_of(settings, "train.optimizer.name") == "sgd"
    assert param_of(settings, "model.hidden") == [16, 8]
    assert [param_of(settings, f"model.hidden.{part}") for part in ("length", "0", "1", "2")] == [2, 16, 8, None]
    assert param_of(settings, "train.optimizer.momentum") is None


def test_a_condition_may_look_at_the_configuration():
    space = {"model.dropout": {"uniform": [0, 0.5], "when": {"model.activation": "tanh"}}}
    assert asked_of(space, model_dropout=0.5) == ({}, {})


def test_a_trial_has_the_configuration_but_for_its_settings():
    config = config_with({"model.hidden": {"choice": [[8], [8, 8]]}})
    other = configured(config, {"model.hidden": [8, 8], "train.epochs": 3})
    assert other.model.hidden == (8, 8) and other.train.epochs == 3
    assert configured(other, {"model.hidden": list(config.model.hidden), "train.epochs": config.train.epochs}) == config


def test_a_setting_that_does_not_exist_is_named_with_the_nearest():
    config = config_with({"train.optimizer.learning_rat": {"loguniform": [1e-4, 1e-1]}})
    with pytest.raises(ConfigError, match=r"train\.optimizer\.learning_rat.*learning_rate"):
        configured(config, first_settings(config.search.space, config))


def test_a_grid_has_every_combination_once_and_none_that_a_condition_rules_out():
    space = {
        "train.optimizer.name": {"choice": ["adam", "sgd"]},
        "train.optimizer.momentum": {
            "uniform": [0.5, 0.9], "step": 0.2, "when": {"train.optimizer.name": "sgd"},
        },
        "model.hidden": {"list": [1, 2], "of": {"choice": [4, 8]}},
    }  # fmt: skip
    config = config_with(space, sampler="grid")
    answers = list(grid(config.search.space, config))
    assert len({json.dumps(one, sort_keys=True) for one in answers}) == len(answers) == (1 + 3) * (2 + 4)
    momenta = {one.get("train.optimizer.momentum") for one in answers}
    assert {None if m is None else round(m, 6) for m in momenta} == {None, 0.5, 0.7, 0.9}
    assert all(("train.optimizer.momentum" in one) == (one["train.optimizer.name"] == '"sgd"') for one in answers)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"a": {"choice": [1], "int": [1, 2]}}, "exactly one of"),
        ({"a": {}}, "Received: none"),
        ({"a": {"loguniform": [0, 1]}}, "above 0"),
        ({"a": {"int": [3, 2]}}, "lower bound 3"),
        ({"a": {"list": [1, 2]}}, "'of' goes with 'list'"),
        ({"a": {"choice": [1], "step": 1}}, "'step' goes with"),
        ({"spark.master": {"choice": ["local"]}}, "all trials share"),
        ({"model.l2": {"int": [1, 2], "when": {"model.x": 1}}, "model.x": {"int": [1, 2]}}, "must stand before"),
    ],
)
def test_a_space_that_cannot_be_is_refused(space, said):
    with pytest.raises(ValueError, match=said):
        SearchConfig(space=space)


def test_a_grid_needs_an_end():
    with pytest.raises(ValueError, match="a grid needs"):
        SearchConfig(space={"model.dropout": {"uniform": [0, 1]}}, sampler="grid")


@pytest.mark.parametrize(
    ("metric", "goal", "maximizes"),
    [("val_auc", "auto", True), ("val_loss", "auto", False), ("val_mae", "maximize", True), ("val_r2", "auto", True)],
)
def test_what_is_better_follows_from_the_metric(metric, goal, maximizes):
    assert SearchConfig(metric=metric, goal=goal).maximizes == maximizes
