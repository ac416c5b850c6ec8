"""The network: the section of the one that `model.type` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SerializeAsAny

from pipeline.networks.network import NETWORKS, NetworkConfig, network_name
from pipeline.networks.regularizer import regularizer_space

ModelConfig = SerializeAsAny[NetworkConfig]
"""Checked by the section of its `type`, and written out with all settings of that section."""


def search_space(model: Any) -> Mapping[str, Any]:
    """What `search.space: auto` stands for, given the content of the section `model`; empty for unknown names."""
    try:
        return {**NETWORKS.resolve(network_name(model)).search, **regularizer_space(model)}
    except ValueError:
        return {}  # which the check of the section reports
