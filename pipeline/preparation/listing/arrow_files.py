"""Files on remote file systems, listed by Arrow without any of Hadoop's jars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import DataError
from pipeline.preparation.listing.files import (
    PATTERN_SIGN,
    SourceFile,
    SourcePath,
    literal_part,
    no_match,
    nothing_there,
    visible_files,
    visible_paths,
)
from pipeline.sources.decoding.remote import RemotePath, open_remote
from pipeline.sources.decoding.streams import first_line

_INNERMOST_BRACES = re.compile(r"\{([^{}]*)\}")
_SIGNS = re.compile(r"\\.|\[[!^]?[^\]]+\]|.", re.DOTALL)


@dataclass(frozen=True)
class ArrowFiles:
    """Lists files through Arrow.

    Attributes:
        query: options of the file system, as they stand behind a path.
    """

    query: str = ""

    def reach(self, location: str) -> None:
        """Query the folder of a location, whether it exists or not.

        Raises:
            OSError: the file system cannot be opened, or refuses.
        """
        literal = literal_part(location)
        remote = open_remote(location if literal is None else literal, self.query)
        remote.filesystem.get_file_info(remote.full(remote.path))

    def find_paths(self, location: str) -> tuple[SourcePath, ...]:
        """The files and folders that a path or a pattern names."""
        try:
            remote = open_remote(location, self.query)
            info = remote.filesystem.get_file_info(remote.full(remote.path))
            if info.type == fs.FileType.NotFound:
                return _matching(remote, location)
        except (OSError, pa.ArrowException) as error:
            raise _refused(location, error) from error
        uri = remote.uri(remote.full(remote.path))
        return (SourcePath(uri, uri.rpartition("/")[0] if info.is_file else uri, bool(info.is_file)),)

    def list_files(self, path: SourcePath) -> tuple[SourceFile, ...]:
        """The data files of a path."""
        try:
            remote = open_remote(path.uri, self.query)
            remote_path = remote.full(remote.path)
            files = remote.filesystem.get_file_info(
                [remote_path] if path.is_file else fs.FileSelector(remote_path, recursive=True)
            )
        except (OSError, pa.ArrowException) as error:
            raise _refused(path.uri, error) from error
        return visible_files(_source_file(remote, info, path.base) for info in files if info.is_file)

    def has_folder(self, path: SourcePath, name: str) -> bool:
        """Whether a path is a folder that contains the named folder."""
        if path.is_file:
            return False
        try:
            remote = open_remote(f"{path.uri}/{name}", self.query)
            info = remote.filesystem.get_file_info(remote.full(remote.path))
        except (OSError, pa.ArrowException) as error:
            raise _refused(path.uri, error) from error
        return bool(info.type == fs.FileType.Directory)


def _source_file(remote: RemotePath, info: fs.FileInfo, base: str) -> SourceFile:
    uri, modified = remote.uri(info.path), remote.modified(info)
    if modified is None:
        raise DataError(
            f"File '{uri}' has no modification time, without which changes cannot be detected. "
            "Copy the source to another file system."
        )
    return SourceFile(uri, uri.removeprefix(base).lstrip("/"), int(info.size), modified)


def _matching(remote: RemotePath, location: str) -> tuple[SourcePath, ...]:
    literal = literal_part(remote.path)
    if literal is None:
        raise nothing_there(location)
    base = remote.full(literal.rstrip("/"))
    infos = {info.path: info for pattern in _without_braces(remote.path) for info in _glob(remote, pattern, location)}
    paths = visible_paths(
        SourcePath(remote.uri(info_path), remote.uri(base), bool(info.is_file)) for info_path, info in infos.items()
    )
    if not paths:
        raise no_match(location, remote.uri(_nearest_folder(remote, literal.rstrip("/"))))
    return paths


def _glob(remote: RemotePath, pattern: str, location: str) -> Iterator[fs.FileInfo]:
    """All files and folders that match a pattern without braces."""
    parts = pattern.split("/")
    first = next((number for number, part in enumerate(parts) if PATTERN_SIGN.search(part)), len(parts) - 1)
    folders = [remote.full("/".join(parts[:first]))]
    for number, part in enumerate(parts[first:], first):
        regex = re.compile("".join(_regex_of_sign(sign, location) for sign in _SIGNS.findall(part)))
        selectors = [fs.FileSelector(folder, allow_not_found=True) for folder in folders]
        infos = [info for selector in selectors for info in remote.filesystem.get_file_info(selector)]
        fitting = [info for info in infos if regex.fullmatch(info.base_name)]
        if number == len(parts) - 1:
            yield from fitting
        folders = [info.path for info in fitting if not info.is_file]


def _without_braces(pattern: str) -> list[str]:
    """The patterns that `{a,b}` expands to."""
    braces = _INNERMOST_BRACES.search(pattern)
    if braces is None:
        return [pattern]
    prefix, suffix = pattern[: braces.start()], pattern[braces.end() :]
    return [expanded for part in braces[1].split(",") for expanded in _without_braces(prefix + part + suffix)]


def _regex_of_sign(sign: str, location: str) -> str:
    """The regular expression of a literal or wildcard of a pattern, by Hadoop's rules."""
    if sign in "*?":
        return ".*" if sign == "*" else "."
    if sign in "[{":
        raise DataError(f"Source '{location}' cannot be opened: the pattern does not close its '{sign}'.")
    if sign.startswith("[") and len(sign) > 1:
        inner = sign[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]"
    return re.escape(sign[1:] if sign.startswith("\\") and len(sign) > 1 else sign)


def _nearest_folder(remote: RemotePath, path: str) -> str:
    while path and remote.filesystem.get_file_info(remote.full(path)).type == fs.FileType.NotFound:
        path = path.rpartition("/")[0]
    return remote.full(path)


def _refused(location: str, error: Exception) -> DataError:
    return DataError(f"Source '{location}' cannot be opened: {first_line(error)}.")
