"""The parts of a configuration that the tracking server gets.

Parameters are the few settings that runs are compared by; the whole configuration, without secrets, is an artifact
beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.config.launch import LaunchConfig
from pipeline.config.run import RunConfig
from pipeline.redact import hidden_names, without_secrets
from pipeline.tracking.tracker import Param

NAME_LENGTH = 120


def run_params(config: RunConfig) -> dict[str, Param]:
    """The settings of network, training and seed as flat dotted keys, without those that do not affect the model."""
    sections = config.model_dump(mode="json", include={"model", "train", "seed"})
    for name in LaunchConfig.model_fields:
        del sections["train"][name]
    weights = config.train.class_weights
    if not isinstance(weights, str):
        sections["train"]["class_weights"] = ", ".join(f"{name}={weight:g}" for name, weight in weights.items())
    params = _flat(without_secrets(sections), "")
    params.setdefault("train.early_stopping.patience", "off")
    if config.train.optimizer.name != "sgd":
        del params["train.optimizer.momentum"]
    return params | {"label": config.data.label}


def run_name(config: RunConfig, stage: str) -> str:
    """A run's name, by which it is told apart in lists and legends, e.g. `run 64-64 relu, adam 0.001, seed 0`.

    A search is named after its parameters: `search by tpe: hidden, dropout, learning_rate`.
    """
    if stage == "search":
        names = ", ".join(name.removesuffix(".name").rpartition(".")[2] for name in config.search.space)
        return f"search by {config.search.sampler}: {names}"[:NAME_LENGTH]
    optimizer = config.train.optimizer
    return f"{stage} {config.model.describe()}, {optimizer.name} {optimizer.learning_rate:g}, seed {config.seed}"


def config_text(config: RunConfig) -> str:
    """The whole configuration as YAML that `load_config` can read, with passwords and the like hidden."""
    content = without_secrets(config.model_dump(mode="json"))
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def hidden_settings(config: RunConfig) -> list[str]:
    """The names of settings of which `config_text` hides something."""
    return hidden_names(config.model_dump(mode="json"))


def _flat(section: Mapping[str, Any], prefix: str) -> dict[str, Param]:
    flat: dict[str, Param] = {}
    for key, value in section.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            flat[f"{prefix}{key}"] = "-".join(map(str, value)) or "none"
        elif value is not None:
            flat[f"{prefix}{key}"] = value
    return flat
