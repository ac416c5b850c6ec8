"""Versions of installed libraries, found without importing them."""

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
"""Libraries that a model depends on, and the distributions that may provide each."""


def library_versions() -> dict[str, str]:
    """Versions of Python and of the installed libraries that a model depends on, by name."""
    versions = {
        name: next((version for each in candidates if (version := version_of(each))), None)
        for name, candidates in DISTRIBUTIONS.items()
    }
    return {"python": platform.python_version()} | {name: version for name, version in versions.items() if version}


def version_of(distribution: str) -> str | None:
    """The version of a distribution; None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
