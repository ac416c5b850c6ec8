"""Tags of a run: its origin, to filter by."""

from __future__ import annotations

import getpass

from pipeline.store.versions import library_versions

PARENT = "mlflow.parentRunId"
"""The tag that nests a run below another one."""


def run_tags(stage: str) -> dict[str, str]:
    """The stage, the versions of the libraries, and the values of MLflow's columns \"User\" and \"Source\"."""
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
    except (KeyError, OSError):  # in a container, the user's id may have no name
        return "unknown"
