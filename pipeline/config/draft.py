"""The least that a configuration can say: a file and a label, under the file's name."""

from __future__ import annotations

import re
from typing import Any

from pipeline.errors import ConfigError

LONGEST_NAME = 64
_COMPRESSED = re.compile(r"\.(?:gz|gzip|bz2|zst|xz|zip|deflate|snappy|lz4)$", re.IGNORECASE)


def minimal_content(path: str, label: str) -> dict[str, Any]:
    """A configuration of this file and label, named after the file.

    Raises:
        ConfigError: the path has no letter or digit to name it by.
    """
    return {"name": experiment_name(path), "data": {"source": {"path": path}, "label": label}}


def experiment_name(path: str) -> str:
    """The name of a file or folder without extensions; of a pattern, that of the folder above it.

    Raises:
        ConfigError: the path has no letter or digit to name it by.
    """
    parts = [part for part in path.partition("?")[0].split("/") if part not in ("", ".", "..")]
    named = [part for part in parts if not set(part) & set("*[]{}=")]
    last = named[-1] if named else ""
    stem = _COMPRESSED.sub("", last)
    stem = stem.rpartition(".")[0] or stem
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")[:LONGEST_NAME]
    if not name:
        raise ConfigError(
            f"'{path}' has no letter or digit to name an experiment by. Write a configuration, and give --config."
        )
    return name
