"""Names of columns that Parquet's readers do not tell apart."""

from __future__ import annotations

from collections.abc import Iterable


def clashing(names: Iterable[str]) -> list[list[str]]:
    """Groups of names that are equal or differ only in case."""
    by_folded: dict[str, list[str]] = {}
    for name in names:
        by_folded.setdefault(name.lower(), []).append(name)
    return [alike for alike in by_folded.values() if len(alike) > 1]
