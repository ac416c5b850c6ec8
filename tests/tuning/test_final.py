"""Validation rows become training rows, test rows stay, and what would need validation rows is refused."""

from __future__ import annotations

import pytest

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig
from pipeline.errors import ConfigError
from pipeline.tuning.final import check_final, final_problems, with_validation_rows

BY_COLUMN = {"method": "column", "column": "c", "values": {"train": ["a"], "validation": ["b"], "test": ["d"]}}
BY_TIME = {"method": "time", "validation_from": "2020-01-01", "test_from": "2021-01-01", "gap": "7d"}


def config_of(split=None, *, train=None, **more) -> RunConfig:
    content = {"name": "a", "data": {"source": {"path": "a.csv"}, "label": "y", "time": "t", "group": "g"}}
    return parse_config({**content, "split": split or {}, "train": train or {}, **more})


@pytest.mark.parametrize("method", ["hash", "stratified", "group"])
def test_shares_of_training_and_validation_become_one(method):
    config = config_of({"method": method, "fractions": {"train": 0.72, "validation": 0.08, "test": 0.2}})
    assert final_problems(config) == []
    merged = with_validation_rows(config, 7).split
    assert (merged.method, merged.fractions.validation, merged.fractions.test) == (method, 0.0, 0.2)
    assert merged.fractions.train == pytest.approx(0.8)


def test_the_last_cut_stays():
    merged = with_validation_rows(config_of(BY_TIME), 7).split
    assert (merged.validation_from, merged.test_from, merged.gap) == (None, "2021-01-01", "7d")


def test_values_of_both_splits_mean_training():
    values = with_validation_rows(config_of(BY_COLUMN), 7).split.values
    assert (values.train, values.validation, values.test) == (("a", "b"), (), ("d",))


def test_epochs_are_fixed_and_nothing_else_changes():
    train = {"epochs": 50, "early_stopping": {"patience": 3}, "schedule": "cosine", "batch_size": 64}
    config = config_of(train=train, model={"hidden": [8]})
    settled = with_validation_rows(config, 7)
    assert (settled.train.epochs, settled.train.early_stopping) == (7, None)
    as_before = {"epochs": 50, "early_stopping": config.train.early_stopping}
    assert settled.train.model_copy(update=as_before) == config.train
    assert settled.model_copy(update={"train": config.train, "split": config.split}) == config


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"evaluate": {"calibration": "platt"}},
            "evaluate.calibration is fitted on them. Set it to none, or set search.final: train",
        ),
        ({"evaluate": {"threshold": "f1"}}, "the goal of evaluate.threshold is fitted on them"),
        ({"train": {"reduce_on_plateau": {}}}, "Use a schedule"),
        ({"search": {"space": {"train.reduce_on_plateau.factor": {"uniform": [0.1, 0.5]}}}}, "Use a schedule"),
        ({"split": {"method": "time", "validation_from": "2020-01-01"}}, "without split.test_from no cut is left"),
        ({"split": {"method": "time"}}, "a cut in time that follows from the fractions may move"),
        ({"split": {"method": "time", "test_from": "2020-01-01"}}, "there are none to begin with"),
        ({"split": {"fractions": {"train": 0.8, "validation": 0.0, "test": 0.2}}}, "there are none to begin with"),
        ({"split": {**BY_COLUMN, "values": {"train": ["a"], "test": ["d"]}}}, "there are none to begin with"),
    ],
)
def test_what_needs_validation_rows_is_refused(changed, said):
    (problem,) = final_problems(config_of(**changed))
    assert said in str(problem) and "leaves no validation rows" in str(problem)


def test_problems_are_told_together_and_only_where_it_is_asked_for():
    needs = {"evaluate": {"calibration": "platt"}, "train": {"reduce_on_plateau": {}}}
    check_final(config_of(**needs))
    with pytest.raises(ConfigError, match=r"(?s)not possible \(2 problems\).*calibration.*reduce_on_plateau"):
        check_final(config_of(search={"final": "train_and_validation"}, **needs))


def test_trials_that_are_judged_over_folds_need_no_validation_rows_in_the_split():
    split = {"fractions": {"train": 0.8, "validation": 0.0, "test": 0.2}}
    config = config_of(split, search={"crossval": True})
    assert final_problems(config) == [] and with_validation_rows(config, 3).split == config.split


def test_a_threshold_that_is_a_number_is_allowed():
    assert final_problems(config_of(evaluate={"threshold": 0.3})) == []
