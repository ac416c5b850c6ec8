"""Tags of a run: what it came from, for filters and for people."""

from __future__ import annotations

import getpass
import platform
from importlib import metadata

DISTRIBUTIONS = {
    "pipeline": ("spark-keras-pipeline",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "horovod": ("horovod",),
    "pyspark": ("pyspark",),
}


def run_tags(stage: str) -> dict[str, str]:
    """The stage, the versions of what trains, and what MLflow's own columns \"User\" and \"Source\" show."""
    versions = {name: version for name, candidates in DISTRIBUTIONS.items() if (version := _version(candidates))}
    return {
        "stage": stage,
        "mlflow.user": _user(),
        "mlflow.source.name": f"jobs/{stage}.py",
        "mlflow.source.type": "JOB",
        "version.python": platform.python_version(),
        **{f"version.{name}": version for name, version in versions.items()},
    }


def _version(candidates: tuple[str, ...]) -> str | None:
    """Of the first distribution that is installed; nothing is imported."""
    for name in candidates:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "unknown"
