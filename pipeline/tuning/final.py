"""The final training run of a search on training and validation rows: its configuration, and what rules it out.

Without validation rows there is no early stopping, so it runs for as many epochs as the best trial took to reach its
best one. A learning-rate schedule over all epochs is completed within these.
"""

from __future__ import annotations

from typing import Any

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig
from pipeline.config.split import SplitConfig
from pipeline.errors import ConfigError, Problem, gather

PLATEAU = "train.reduce_on_plateau"
ALONE = "search.final: train_and_validation leaves no validation rows"
ELSE = "set search.final: train"


def with_validation_rows(config: RunConfig, epochs: int) -> RunConfig:
    """A configuration that trains on training and validation rows, and tests on the same rows as before.

    Args:
        config: a configuration without `final_problems`.
        epochs: the number of epochs to train.
    """
    content = config.model_dump(mode="json")
    content["split"] |= _merged(config.split)
    content["train"] |= {"epochs": epochs, "early_stopping": None}
    return parse_config(content)


def check_final(config: RunConfig) -> None:
    """Check that what `search.final` asks for is possible.

    Args:
        config: the configuration of some trial.

    Raises:
        ConfigError: a setting needs the validation rows that would be trained on.
    """
    problems = final_problems(config) if config.search.final == "train_and_validation" else []
    if problems:
        raise ConfigError(gather("The final training run of the search is not possible", problems))


def final_problems(config: RunConfig) -> list[Problem]:
    """Why the settings rule out a training run without validation rows; empty where they do not."""
    evaluate, split = config.evaluate, config.split
    reduces = config.train.reduce_on_plateau is not None or any(
        name.startswith(PLATEAU) for name in config.search.space
    )
    against = {
        "evaluate.calibration is fitted on them": ("Set it to none", evaluate.calibration != "none"),
        "the goal of evaluate.threshold is fitted on them": ("Set a number", evaluate.threshold.goal is not None),
        f"{PLATEAU} monitors them": ("Use a schedule", reduces),
        "without split.test_from no cut is left": ("Set it", bool(split.cuts) and split.test_from is None),
        "a cut in time that follows from the fractions may move": (
            "Set split.validation_from and split.test_from",
            split.method == "time" and not split.cuts,
        ),
        "there are none to begin with": (
            "Add some to compare trials by",
            not (config.search.crossval or _has_validation(split)),
        ),
    }
    return [
        Problem(f"{ALONE}, and {what}", remedy=f"{do}, or {ELSE}") for what, (do, holds) in against.items() if holds
    ]


def _merged(split: SplitConfig) -> dict[str, Any]:
    """What changes in a split so that its validation rows are training rows, and no other row moves."""
    if split.values is not None:
        return {"values": {"train": [*split.values.train, *split.values.validation], "test": list(split.values.test)}}
    if split.cuts:
        return {"validation_from": None}
    test = split.fractions.test
    return {"fractions": {"train": 1.0 - test, "validation": 0.0, "test": test}}


def _has_validation(split: SplitConfig) -> bool:
    if split.values is not None:
        return bool(split.values.validation)
    return split.validation_from is not None if split.cuts else split.fractions.validation > 0.0
