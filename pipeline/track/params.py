"""Which settings become parameters of a run: those that one compares runs by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.config.run import RunConfig
from pipeline.track.tracker import Param


def run_params(config: RunConfig) -> dict[str, Param]:
    """Network, training and seed, as flat dotted keys; the whole configuration is an artifact beside them."""
    sections = config.model_dump(mode="json", include={"model", "train", "seed"})
    return _flat(sections, "") | {"features": len(config.features.columns), "label": config.data.label}


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
