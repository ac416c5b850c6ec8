"""Whether `search.sampler: capacity` can search a space: the network declares which setting sets its capacity."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.config.search_space import ParameterConfig
from pipeline.networks.network import NETWORKS


def capacity_problem(space: Mapping[str, ParameterConfig], network: str) -> str | None:
    """Why a capacity search of a space is impossible; None where it is possible.

    Args:
        space: of the search.
        network: the value of `model.type`.
    """
    setting = NETWORKS.get(network).capacity
    if not setting:
        able = ", ".join(entry.name for entry in NETWORKS.entries.values() if entry.capacity)
        return (
            f"search.sampler capacity needs a network that declares the setting of its capacity, which '{network}' "
            f"does not (`capacity` of its Network). Allowed: {able}. Choose one of these, or another sampler"
        )
    parameter = space.get(setting)
    if parameter is None or len(space) > 1 or parameter.when or (parameter.of or parameter).kind != "int":
        return (
            f"search.sampler capacity searches {setting} alone, such as {{list: [1, 4], of: {{int: [8, 512]}}}}, or "
            f"{{int: [8, 512]}} where it is a single number. Received: {', '.join(space)}"
        )
    return None
