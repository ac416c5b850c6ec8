"""Silences the start-up messages of libraries, but not their warnings and errors.

Each library has its own switch, read when it is imported: call `quiet_environment` first, in every process. Messages
without a switch are filtered as they are written, see `stderr_filter`. MLflow's switches are in
`tracking/mlflow_store.py`.
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
    # Buffers from Spark are aligned to 8 bytes, which Arrow's group-by and sort warn of on every use.
    "ACERO_ALIGNMENT_HANDLING": "reallocate",
}


def quiet_environment() -> None:
    """Set the switches, except those that the user has set."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)


def import_quietly(module: str) -> ModuleType:
    """Import a module that imports TensorFlow, without the information that TensorFlow logs meanwhile."""
    quiet_environment()
    with filtered_standard_error():
        return importlib.import_module(module)
