"""Folders named COLUMN=VALUE, whose values Spark reads as columns.

Spark reads subfolders only where all files lie in folders of the same columns, and silently skips the others; here
these are an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from pipeline.errors import DataError
from pipeline.preparation.listing.files import SourceFile, SourcePath


@dataclass(frozen=True)
class ColumnFolders:
    """The folders COLUMN=VALUE of a source.

    Attributes:
        above: URI of the folder that contains them.
        names: names of the columns, outermost first.
    """

    above: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Layout:
    """The folder above the COLUMN=VALUE folders of a file, and their columns, outermost first."""

    name: str
    above: str
    columns: tuple[str, ...]


def column_folders(location: str, files: Mapping[SourcePath, Sequence[SourceFile]]) -> ColumnFolders | None:
    """The COLUMN=VALUE folders that contain all files; None where there are none.

    Raises:
        DataError: naming a file that Spark would skip, or two files in folders of different columns.
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
