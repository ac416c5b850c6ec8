"""How a cross-validation is configured."""

from __future__ import annotations

import pytest

from pipeline.config.load import parse_config
from pipeline.errors import ConfigError

PLAIN = {"name": "test", "data": {"source": {"sample": "iris"}, "label": "species"}}


def test_nested_folds_need_a_space():
    space = {"train.optimizer.learning_rate": {"loguniform": [0.001, 0.1]}}
    assert parse_config({**PLAIN, "crossval": {"nested": True}, "search": {"space": space}}).crossval.nested
    with pytest.raises(ConfigError, match=r"crossval\.nested searches within each fold, and search\.space is empty"):
        parse_config({**PLAIN, "crossval": {"nested": True}})


@pytest.mark.parametrize(
    ("crossval", "message"),
    [
        ({"folds": 1}, "crossval.folds"),
        ({"method": "group"}, "crossval.method: group needs data.group"),
        ({"parallel": 2}, "crossval.parallel"),
        ({"compare_to": "the last one"}, "crossval.compare_to"),
    ],
)
def test_what_is_wrong_with_folds_is_named(crossval, message):
    with pytest.raises(ConfigError) as raised:
        parse_config({**PLAIN, "crossval": crossval})
    assert message in str(raised.value)


@pytest.mark.parametrize(("pruner", "crossval"), [("hyperband", True), ("halving", True), ("wilcoxon", False)])
def test_a_pruner_fits_what_trials_are_judged_by(pruner, crossval):
    with pytest.raises(ConfigError, match=f"pruner {pruner} does not go with trials that report"):
        parse_config({**PLAIN, "search": {"pruner": pruner, "crossval": crossval}})
    assert parse_config({**PLAIN, "search": {"pruner": "wilcoxon", "crossval": True}}).search.crossval


def test_folds_cannot_be_searched():
    with pytest.raises(ConfigError, match=r"crossval\.folds: all trials share this section"):
        parse_config({**PLAIN, "search": {"space": {"crossval.folds": {"choice": [3, 5]}}}})
