"""Opens a `.keras` file: bounded, with classes from an allow-list, and any fault of the file as one of our errors."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection
from pathlib import Path

import keras

from pipeline.errors import StoreError
from pipeline.model.allowed_classes import refused_class
from pipeline.registry import imported_modules

CONFIG = "config.json"
MAX_ENTRIES = 1000
MAX_GROWTH, SPARE = 4, 16 << 20
"""A file may hold this many times its own size, and this many bytes besides: Keras writes it without compression."""


def load_keras_file(path: Path, modules: Collection[str] = ()) -> keras.Model:
    """The model of a file.

    Args:
        path: a local file, verified by its hash.
        modules: top-level modules whose registered classes it may have, beside those that configurations of this
            process have named.

    Raises:
        StoreError: the file is damaged, too large inside, or has a class that is not allowed.
    """
    try:
        refused = refused_class(_config(path), {*modules, *imported_modules()})
    except Exception as error:  # whatever reading a damaged file raises
        raise _failure(path, error) from error
    if refused is not None:
        raise StoreError(
            f"Model {path} has the class '{refused}', which is not allowed. Allowed: Keras's layers that compute and "
            "nothing else, this package's, and those of modules that the configuration names. Do not open models of "
            "strangers; train it again, or name the module of the class in the configuration."
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # likewise, of Keras and of HDF5
        raise _failure(path, error) from error


def _config(path: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        size, most = sum(entry.file_size for entry in entries), path.stat().st_size * MAX_GROWTH + SPARE
        if size > most or len(entries) > MAX_ENTRIES:
            raise ValueError(f"it holds {size} bytes in {len(entries)} files. Allowed: {most} and {MAX_ENTRIES}")
        content: object = json.loads(archive.read(CONFIG))
    return content


def _failure(path: Path, error: Exception) -> StoreError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return StoreError(f"Model {path} cannot be loaded: {reason}. Train it again.")
