"""Tags of a run: what it came from, for filters and for people."""

from __future__ import annotations

import getpass

from pipeline.store.versions import library_versions

PARENT = "mlflow.parentRunId"
"""The tag by which a run stands below another one."""


def run_tags(stage: str) -> dict[str, str]:
    """The stage, the versions of what trains, and what MLflow's own columns \"User\" and \"Source\" show."""
    return {
        "stage": stage,
        "mlflow.user": _user(),
        "mlflow.source.name": f"jobs/{stage}.py",
        "mlflow.source.type": "JOB",
        **{f"version.{name}": version for name, version in library_versions().items()},
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "unknown"
