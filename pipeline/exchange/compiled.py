"""The name of the compiled file, which depends on TensorFlow's version, the machine and the sources."""

from __future__ import annotations

import hashlib
import platform
from importlib.resources import files
from importlib.resources.abc import Traversable

from pipeline.store.versions import library_versions

BUILT = "built"


def source_files() -> list[Traversable]:
    """The C sources and headers, sorted by name."""
    return sorted(files(__package__).joinpath("source").iterdir(), key=lambda file: file.name)


def compiled_name() -> str:
    """The name of the file for these sources and the installed TensorFlow."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in source_files())).hexdigest()
    return f"exchange-{installed_tensorflow()}-{platform.machine()}-{digest[:12]}.so"


def installed_tensorflow() -> str:
    """The version of TensorFlow; `none` where it is missing."""
    return library_versions().get("tensorflow", "none")
