"""What the compiled file is called: by the TensorFlow that it was made for, the machine and the sources."""

from __future__ import annotations

import hashlib
import platform
from importlib.resources import files
from importlib.resources.abc import Traversable

from pipeline.store.versions import library_versions

BUILT = "built"


def source_files() -> list[Traversable]:
    """The sources in C, in the order of their names."""
    return sorted(files(__package__).joinpath("source").iterdir(), key=lambda file: file.name)


def compiled_name() -> str:
    """The file that fits the sources and what is installed here."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in source_files())).hexdigest()
    return f"exchange-{installed_tensorflow()}-{platform.machine()}-{digest[:12]}.so"


def installed_tensorflow() -> str:
    """Its version."""
    return library_versions().get("tensorflow", "none")
