"""Files of a source: what is known of them, whoever lists them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import DataError

HEAD_BYTES = 1 << 20
PATTERN_SIGN = re.compile(r"[*?\[{]")


@dataclass(frozen=True)
class SourceFile:
    """One data file.

    Attributes:
        uri: where Spark finds it.
        name: relative to the source's folder, or the file's own name.
        bytes: its size.
        modified: when it was last written, in milliseconds, as the file system tells.
    """

    uri: str
    name: str
    bytes: int
    modified: int


@dataclass(frozen=True)
class SourcePath:
    """A file or folder that a path or a pattern names.

    Attributes:
        uri: where Spark finds it.
        base: the folder that names of files are relative to: the folder itself, a file's folder, or what stands
            before the first sign of a pattern.
        is_file: or a folder.
    """

    uri: str
    base: str
    is_file: bool

    @property
    def name(self) -> str:
        """Relative to `base`; empty for `base` itself."""
        return self.uri.removeprefix(self.base).lstrip("/")


class Lister(Protocol):
    """Finds files on some file systems. All methods raise a `DataError` where a file system refuses."""

    def find_paths(self, location: str) -> tuple[SourcePath, ...]:
        """What a path names: itself where it exists, else all that fit it as a pattern, in the order of their names.

        Raises:
            DataError: nothing is there.
        """

    def list_files(self, path: SourcePath) -> tuple[SourceFile, ...]:
        """The data files at a place, in subfolders too; those that Spark takes for hidden do not count."""

    def has_folder(self, path: SourcePath, name: str) -> bool:
        """Whether a place is a folder that holds the named folder."""


def outermost(paths: Sequence[SourcePath]) -> tuple[SourcePath, ...]:
    """Each place once, without those that are within another one."""
    folders = {path.uri.rstrip("/") for path in paths if not path.is_file}
    # Sorted, so that the order of the paths does not decide which base a file's name is relative to.
    alone = sorted((path for path in paths if not any(folder in folders for folder in _above(path.uri))), key=_rank)
    return tuple({path.uri: path for path in alone}.values())


def visible_paths(paths: Iterable[SourcePath]) -> tuple[SourcePath, ...]:
    """Those that are not hidden, by their URIs."""
    return tuple(sorted((path for path in paths if not is_hidden(path.name)), key=lambda path: path.uri))


def visible_files(files: Iterable[SourceFile]) -> tuple[SourceFile, ...]:
    """Those that are not hidden, by their names."""
    return tuple(sorted((file for file in files if not is_hidden(file.name)), key=lambda file: file.name))


def literal_part(location: str) -> str | None:
    """What of a pattern stands before the component with its first sign; None where it is no pattern."""
    sign = PATTERN_SIGN.search(location)
    return None if sign is None else location[: location.rfind("/", 0, sign.start()) + 1]


def nothing_there(location: str) -> DataError:
    """A path that does not exist and is no pattern."""
    return DataError(f"Source '{location}' does not exist. Correct data.source.path.")


def no_match(location: str, folder: str) -> DataError:
    """A pattern; and the nearest folder that exists."""
    return DataError(
        f"Nothing fits the pattern '{location}'. The nearest folder that exists is '{folder}'. "
        "Correct data.source.path."
    )


def escaped(location: str) -> str:
    """The path with signs that Spark would take for a pattern escaped."""
    return "".join(f"\\{sign}" if sign in "{}[]*?\\" else sign for sign in location)


def is_hidden(name: str) -> bool:
    """As Spark sees it: `_` in front hides a file, but not the folder of a column that begins so."""
    return any(
        part.startswith(".") or part.endswith("._COPYING_") or (part.startswith("_") and "=" not in part)
        for part in name.split("/")
    )


def _rank(path: SourcePath) -> tuple[str, str]:
    return path.uri, path.base


def _above(uri: str) -> Iterator[str]:
    """All folders that a place is in."""
    while "/" in uri:
        uri = uri.rpartition("/")[0]
        yield uri
