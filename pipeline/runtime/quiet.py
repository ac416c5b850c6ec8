"""Start-up noise of the libraries is silenced; their warnings and errors are not.

Each library has its own switch, read when it is imported: call `quiet_environment` first, in every process. What
has no switch is filtered as it is written: see `stderr_filter`. MLflow's switches are with its door,
`track.mlflow_store`.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from pipeline.runtime.stderr_filter import filtered_standard_error

SWITCHES = {
    # TensorFlow's C++ side: warnings and errors, no information.
    "TF_CPP_MIN_LOG_LEVEL": "1",
    # A keras.json in the home folder may name another backend.
    "KERAS_BACKEND": "tensorflow",
}


def quiet_environment() -> None:
    """Set the switches; those that the user has set stay as they are."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)


def import_quietly(module: str) -> ModuleType:
    """Import a module that brings TensorFlow with it, without the information that TensorFlow logs meanwhile."""
    quiet_environment()
    with filtered_standard_error():
        return importlib.import_module(module)
