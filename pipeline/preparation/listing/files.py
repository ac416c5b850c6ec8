"""Files of a source, whoever lists them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import DataError

PATTERN_SIGN = re.compile(r"[*?\[{]")


@dataclass(frozen=True)
class SourceFile:
    """One data file.

    Attributes:
        uri: its URI, as Spark takes it.
        name: path relative to the source's folder, or the name of a single file.
        bytes: size in bytes.
        modified: modification time in milliseconds, by the file system's clock.
    """

    uri: str
    name: str
    bytes: int
    modified: int


@dataclass(frozen=True)
class SourcePath:
    """A file or folder that a path or a pattern names.

    Attributes:
        uri: its URI, as Spark takes it.
        base: the folder that names of files are relative to: the folder itself, the folder of a file, or the part of
            a pattern before its first wildcard.
        is_file: whether it is a file; a folder otherwise.
    """

    uri: str
    base: str
    is_file: bool

    @property
    def name(self) -> str:
        """Path relative to `base`; empty for `base` itself."""
        return self.uri.removeprefix(self.base).lstrip("/")


class Lister(Protocol):
    """Lists files on some file systems. All methods raise a `DataError` where a file system refuses access."""

    def find_paths(self, location: str) -> tuple[SourcePath, ...]:
        """The path itself where it exists, else all paths that match it as a pattern, sorted by name.

        Raises:
            DataError: nothing exists there.
        """

    def list_files(self, path: SourcePath) -> tuple[SourceFile, ...]:
        """The data files of a path, subfolders included; without those that Spark considers hidden."""

    def has_folder(self, path: SourcePath, name: str) -> bool:
        """Whether a path is a folder that contains the named folder."""


def outermost(paths: Sequence[SourcePath]) -> tuple[SourcePath, ...]:
    """Each path once, without those that lie within another one."""
    folders = {path.uri.rstrip("/") for path in paths if not path.is_file}
    # Sorted, so that the base of a file's name does not depend on the order of the paths.
    alone = [path for path in paths if not any(folder in folders for folder in _above(path.uri))]
    return tuple({path.uri: path for path in sorted(alone, key=lambda path: (path.uri, path.base))}.values())


def visible_paths(paths: Iterable[SourcePath]) -> tuple[SourcePath, ...]:
    """The paths that are not hidden, sorted by URI."""
    return tuple(sorted((path for path in paths if not is_hidden(path.name)), key=lambda path: path.uri))


def visible_files(files: Iterable[SourceFile]) -> tuple[SourceFile, ...]:
    """The files that are not hidden, sorted by name."""
    return tuple(sorted((file for file in files if not is_hidden(file.name)), key=lambda file: file.name))


def literal_part(location: str) -> str | None:
    """The part of a pattern before the component with its first wildcard; None where it is no pattern."""
    sign = PATTERN_SIGN.search(location)
    return None if sign is None else location[: location.rfind("/", 0, sign.start()) + 1]


def nothing_there(location: str) -> DataError:
    """The error of a path that does not exist and is no pattern."""
    return DataError(f"Source '{location}' does not exist. Correct data.source.path.")


def no_match(location: str, folder: str) -> DataError:
    """The error of a pattern that matches nothing; `folder` is the nearest one that exists."""
    return DataError(
        f"Nothing matches the pattern '{location}'. The nearest folder that exists is '{folder}'. "
        "Correct data.source.path."
    )


def escaped(location: str) -> str:
    """The path, with the characters escaped that Spark would take for wildcards."""
    return "".join(f"\\{sign}" if sign in "{}[]*?\\" else sign for sign in location)


def is_hidden(name: str) -> bool:
    """Whether Spark considers a path hidden: a leading `_` hides a file, but not a folder `_COLUMN=VALUE`."""
    return any(
        part.startswith(".") or part.endswith("._COPYING_") or (part.startswith("_") and "=" not in part)
        for part in name.split("/")
    )


def _above(uri: str) -> Iterator[str]:
    """All folders above a URI."""
    while "/" in uri:
        uri = uri.rpartition("/")[0]
        yield uri
