"""Folders named COLUMN=VALUE, whose values Spark reads as a column: where they begin, and that all files are in them.

Spark reads subfolders only where all files are in some of the same columns, and leaves out the rest without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from pipeline.errors import DataError
from pipeline.preparation.listing.files import SourceFile, SourcePath


@dataclass(frozen=True)
class ColumnFolders:
    """Folders of columns.

    Attributes:
        above: the folder that they are in.
        names: of the columns, from the outside in.
    """

    above: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Layout:
    """Where a file is: the folder above the folders of columns, and their columns, from the outside in."""

    name: str
    above: str
    columns: tuple[str, ...]


def column_folders(location: str, files: Mapping[SourcePath, Sequence[SourceFile]]) -> ColumnFolders | None:
    """The folders of columns that all files are in, or None where there are no such.

    Raises:
        DataError: naming a file that Spark would leave out, or two that do not fit together.
    """
    layouts = [_layout(location, path, file) for path, listed in files.items() for file in listed]
    first = layouts[0]
    other = next((layout for layout in layouts if layout.columns != first.columns), None)
    if other is not None:
        raise DataError(
            f"Files '{first.name}' and '{other.name}' of source '{location}' are in subfolders of different columns, "
            "not all of which Spark reads. Move the files, so that all are at the same depth."
        )
    if not first.columns:
        return None
    apart = next((layout for layout in layouts if layout.above != first.above), None)
    if apart is not None:
        raise DataError(
            f"The folders COLUMN=VALUE of source '{location}' are in several folders: '{first.above}' and "
            f"'{apart.above}'. Allowed: one. Move them, or give one of the folders as data.source.path."
        )
    return ColumnFolders(first.above, tuple(unquote(name) for name in first.columns))


def _layout(location: str, path: SourcePath, file: SourceFile) -> _Layout:
    parts = file.name.split("/")[:-1]
    outside = len(path.name.split("/")) - path.is_file if path.name else 0
    start = next((i for i, part in enumerate(parts) if "=" in part), len(parts))
    if any("=" not in part for part in parts[min(start, outside) :]):
        raise DataError(
            f"File '{file.name}' of source '{location}' is in a subfolder, which Spark does not read. "
            "Allowed: files in the folder itself, or all in subfolders named COLUMN=VALUE. "
            "Move the files, or give the folder that they are in as data.source.path."
        )
    above = "/".join([path.base.rstrip("/"), *parts[:start]]) if start else path.base
    return _Layout(file.name, above, tuple(part.split("=")[0] for part in parts[start:]))
