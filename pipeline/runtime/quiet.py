"""Start-up noise of the libraries is silenced; their warnings and errors are not.

Each library has its own switch, read when it is imported: call `quiet_environment` first, in every process. What
has no switch is filtered as it is written: see `relay`.
"""

from __future__ import annotations

import importlib
import os
import warnings
from types import ModuleType

from pipeline.runtime.relay import filtered_standard_error

SWITCHES = {
    # TensorFlow's C++ side: warnings and errors, no information.
    "TF_CPP_MIN_LOG_LEVEL": "1",
    # MLflow announces the tables that it makes in a new database.
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # MLflow draws a progress bar for every file that it copies.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow looks for git, and GitPython warns where there is none.
    "GIT_PYTHON_REFRESH": "quiet",
    # A keras.json in the home folder may name another backend.
    "KERAS_BACKEND": "tensorflow",
}


NOT_FOR_USERS = (
    # Our signature is complete; with an example, MLflow would run the model on it, which Keras refuses.
    r".*An input example was not provided",
)
"""Warnings whose cause is our own doing."""


def quiet_environment() -> None:
    """Set the switches; those that the user has set stay as they are."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
    for message in NOT_FOR_USERS:
        warnings.filterwarnings("ignore", message=message)


def import_quietly(module: str) -> ModuleType:
    """Import a module that brings TensorFlow with it, without the information that TensorFlow logs meanwhile."""
    quiet_environment()
    with filtered_standard_error():
        return importlib.import_module(module)
