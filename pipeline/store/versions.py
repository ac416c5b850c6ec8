"""Which versions of what is installed; nothing is imported to find out."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata

DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "pipeline": ("spark-keras-pipeline",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "horovod": ("horovod",),
    "pyspark": ("pyspark",),
}
"""What a model depends on, and the distributions that may have it."""


def library_versions() -> dict[str, str]:
    """Of Python and of what trains, where it is installed."""
    versions = {name: _first(candidates) for name, candidates in DISTRIBUTIONS.items()}
    return {"python": platform.python_version()} | {name: version for name, version in versions.items() if version}


def version_of(distribution: str) -> str | None:
    """Of one distribution; None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _first(candidates: tuple[str, ...]) -> str | None:
    return next((version for name in candidates if (version := version_of(name))), None)
