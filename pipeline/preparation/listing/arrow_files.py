"""Files on file systems that are not local, seen by Arrow: no jar of Hadoop's is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import DataError
from pipeline.preparation.listing.files import (
    PATTERN_SIGN,
    Place,
    SourceFile,
    literal_part,
    nothing_fits,
    nothing_there,
    shown,
    shown_files,
)
from pipeline.sources.decoding.remote import RemotePath, open_remote
from pipeline.sources.decoding.streams import first_line

_INNERMOST_BRACES = re.compile(r"\{([^{}]*)\}")
_SIGNS = re.compile(r"\\.|\[[!^]?[^\]]+\]|.", re.DOTALL)


@dataclass(frozen=True)
class ArrowFiles:
    """What Arrow sees.

    Attributes:
        query: options of the file system.
    """

    query: str = ""

    def reach(self, location: str) -> None:
        """Ask for the folder of a location, whether it is there or not.

        Raises:
            OSError: the file system cannot be opened, or refuses.
        """
        before = literal_part(location)
        place = open_remote(location if before is None else before, self.query)
        place.filesystem.get_file_info(place.full(place.path))

    def find_places(self, location: str) -> tuple[Place, ...]:
        """What a path or a pattern names."""
        try:
            place = open_remote(location, self.query)
            info = place.filesystem.get_file_info(place.full(place.path))
            if info.type == fs.FileType.NotFound:
                return _fitting(place, location)
        except (OSError, pa.ArrowException) as error:
            raise _refused(location, error) from error
        uri = place.uri(place.full(place.path))
        return (Place(uri, uri.rpartition("/")[0] if info.is_file else uri, bool(info.is_file)),)

    def list_files(self, place: Place) -> tuple[SourceFile, ...]:
        """The data files at a place."""
        try:
            found = open_remote(place.uri, self.query)
            path = found.full(found.path)
            files = found.filesystem.get_file_info([path] if place.is_file else fs.FileSelector(path, recursive=True))
        except (OSError, pa.ArrowException) as error:
            raise _refused(place.uri, error) from error
        return shown_files(_source_file(found, info, place.base) for info in files if info.is_file)

    def has_folder(self, place: Place, name: str) -> bool:
        """Whether a place is a folder that holds the named folder."""
        if place.is_file:
            return False
        try:
            found = open_remote(f"{place.uri}/{name}", self.query)
            info = found.filesystem.get_file_info(found.full(found.path))
        except (OSError, pa.ArrowException) as error:
            raise _refused(place.uri, error) from error
        return bool(info.type == fs.FileType.Directory)


def _source_file(place: RemotePath, info: fs.FileInfo, base: str) -> SourceFile:
    uri, modified = place.uri(info.path), place.modified(info)
    if modified is None:
        raise DataError(
            f"File '{uri}' has no time of change, without which no job could see that it changed. "
            "Copy the source to another file system."
        )
    return SourceFile(uri, uri.removeprefix(base).lstrip("/"), int(info.size), modified)


def _fitting(place: RemotePath, location: str) -> tuple[Place, ...]:
    before = literal_part(place.path)
    if before is None:
        raise nothing_there(location)
    base = place.full(before.rstrip("/"))
    found = {info.path: info for pattern in _without_braces(place.path) for info in _glob(place, pattern, location)}
    places = shown(Place(place.uri(path), place.uri(base), bool(info.is_file)) for path, info in found.items())
    if not places:
        raise nothing_fits(location, place.uri(_nearest_folder(place, before.rstrip("/"))))
    return places


def _glob(place: RemotePath, pattern: str, location: str) -> Iterator[fs.FileInfo]:
    """All that fits a pattern without braces."""
    parts = pattern.split("/")
    first = next((number for number, part in enumerate(parts) if PATTERN_SIGN.search(part)), len(parts) - 1)
    folders = [place.full("/".join(parts[:first]))]
    for number, part in enumerate(parts[first:], first):
        fits = re.compile(_regex(part, location))
        selectors = [fs.FileSelector(folder, allow_not_found=True) for folder in folders]
        found = [info for selector in selectors for info in place.filesystem.get_file_info(selector)]
        fitting = [info for info in found if fits.fullmatch(info.base_name)]
        if number == len(parts) - 1:
            yield from fitting
        folders = [info.path for info in fitting if not info.is_file]


def _without_braces(pattern: str) -> list[str]:
    """The patterns that `{a,b}` stands for."""
    found = _INNERMOST_BRACES.search(pattern)
    if found is None:
        return [pattern]
    before, behind = pattern[: found.start()], pattern[found.end() :]
    return [own for part in found[1].split(",") for own in _without_braces(before + part + behind)]


def _regex(part: str, location: str) -> str:
    """A component of a pattern, as Hadoop understands it."""
    return "".join(_regex_of_sign(sign, location) for sign in _SIGNS.findall(part))


def _regex_of_sign(sign: str, location: str) -> str:
    if sign in "*?":
        return ".*" if sign == "*" else "."
    if sign in "[{":
        raise DataError(f"Source '{location}' cannot be opened: the pattern does not close its '{sign}'.")
    if sign.startswith("[") and len(sign) > 1:
        inner = sign[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]"
    return re.escape(sign[1:] if sign.startswith("\\") and len(sign) > 1 else sign)


def _nearest_folder(place: RemotePath, path: str) -> str:
    while path and place.filesystem.get_file_info(place.full(path)).type == fs.FileType.NotFound:
        path = path.rpartition("/")[0]
    return place.full(path)


def _refused(location: str, error: Exception) -> DataError:
    return DataError(f"Source '{location}' cannot be opened: {first_line(error)}.")
