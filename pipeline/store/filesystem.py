"""Small files and folders under a storage root, on any file system that Arrow reaches.

A root is a local path (also `/Volumes/...` and `/dbfs/...`), `dbfs:/...` (accessed as `/dbfs/...`), or a URI such as
`hdfs://...` and `s3a://...`. Object stores have no folders: a file appears there by one request, complete or not at
all, and nothing can be renamed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs

from pipeline.errors import PlatformError
from pipeline.redact import redacted
from pipeline.store.object_store import OBJECT_STORES, is_bucket, open_bucket

UNFINISHED = ".part"
"""Suffix of a file's name until the file is complete."""


@dataclass(frozen=True)
class StoragePath:
    """A path in a file system: local, HDFS, or a bucket of an object store.

    Attributes:
        filesystem: Arrow's file system.
        path: absolute path, without scheme and trailing slash.
        uri: scheme and path, as Spark takes it, perhaps with settings after `?`.
    """

    filesystem: fs.FileSystem
    path: str
    uri: str

    def __str__(self) -> str:
        """As messages show it: a local path as it is typed, others with their scheme."""
        return self.path if self.is_local else self.uri

    def child(self, *parts: str) -> StoragePath:
        """A file or folder below this one."""
        tail = "/".join(parts)
        return self.sibling(f"/{tail}")

    @property
    def folder(self) -> StoragePath:
        """The folder that holds this one."""
        address, settings = self._address
        return StoragePath(self.filesystem, self.path.rpartition("/")[0], address.rpartition("/")[0] + settings)

    def sibling(self, ending: str) -> StoragePath:
        """A file or folder next to this one, whose name is this one's followed by `ending`."""
        address, settings = self._address
        return StoragePath(self.filesystem, self.path + ending, address + ending + settings)

    @property
    def is_local(self) -> bool:
        """Whether renames are atomic and files have descriptors."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    @property
    def renames_folders(self) -> bool:
        """Whether folders can be renamed; object stores have none."""
        return self.filesystem.type_name not in OBJECT_STORES

    @property
    def _address(self) -> tuple[str, str]:
        """The URI without its settings, and the settings; in a local path, `?` is a character like others."""
        address, mark, settings = self.uri.partition("?") if not self.is_local else (self.uri, "", "")
        return address, mark + settings


def storage_path(root: str) -> StoragePath:
    """The storage root named in the configuration."""
    if root.startswith("dbfs:/"):
        root = "/dbfs/" + root.removeprefix("dbfs:").lstrip("/")
    if root.startswith("file:") or "://" not in root:
        path = Path(root.removeprefix("file:").removeprefix("//")).expanduser().resolve()
        return StoragePath(fs.LocalFileSystem(), str(path), f"file://{path}")
    try:
        filesystem, key = open_bucket(root) if is_bucket(root) else fs.FileSystem.from_uri(root)
    except (OSError, ValueError) as error:
        raise PlatformError(
            f"storage.root '{redacted(root)}' cannot be opened: {redacted(str(error))}. Allowed: a local path, "
            "dbfs:, hdfs:, s3a:, gs:, abfss:."
        ) from error
    address, mark, settings = root.partition("?")
    return StoragePath(filesystem, key.rstrip("/"), (address.rstrip("/") if key else address) + mark + settings)


def exists(location: StoragePath) -> bool:
    """Whether there is a file or folder."""
    return bool(location.filesystem.get_file_info(location.path).type != fs.FileType.NotFound)


def list_files(folder: StoragePath) -> list[str]:
    """Paths of all files below a folder, relative to it, sorted."""
    return sorted(list_sizes(folder))


def list_sizes(folder: StoragePath) -> dict[str, int]:
    """Sizes in bytes of all files below a folder, by path relative to it, from one request to the file system."""
    selector = fs.FileSelector(folder.path, recursive=True, allow_not_found=True)
    infos = folder.filesystem.get_file_info(selector)
    return {info.path.removeprefix(folder.path).lstrip("/"): int(info.size) for info in infos if info.is_file}


def list_folders(folder: StoragePath) -> list[str]:
    """Names of the folders directly in a folder, sorted."""
    infos = folder.filesystem.get_file_info(fs.FileSelector(folder.path, allow_not_found=True))
    return sorted(info.base_name for info in infos if info.type == fs.FileType.Directory)


def size_of(file: StoragePath) -> int | None:
    """Size of a file in bytes; None if there is no such file."""
    info = file.filesystem.get_file_info(file.path)
    return int(info.size) if info.is_file else None


def read_bytes(file: StoragePath) -> bytes:
    """Read a whole small file."""
    with open_stream(file) as stream:
        return bytes(stream.read())


@contextmanager
def open_stream(file: StoragePath) -> Iterator[Any]:
    """Read a file from its beginning; an object that is deleted after it was opened counts as missing."""
    try:
        with file.filesystem.open_input_stream(file.path, compression=None) as stream:
            yield stream
    except FileNotFoundError:
        raise
    except OSError as error:
        # Arrow's error for it differs between servers and versions.
        if file.renames_folders or exists(file):
            raise
        raise FileNotFoundError(f"'{file}' was deleted while it was read") from error


def make_folder(folder: StoragePath) -> None:
    """Create a folder and its parents; object stores need none."""
    if folder.renames_folders:
        folder.filesystem.create_dir(folder.path, recursive=True)


def write_bytes(file: StoragePath, content: bytes) -> None:
    """Write a whole small file; creates its folder.

    Raises:
        OSError: it cannot be written; `filename` is its path.
    """
    with naming_path(file):
        make_folder(file.folder)
        with file.filesystem.open_output_stream(file.path, compression=None) as stream:
            stream.write(content)


@contextmanager
def naming_path(file: StoragePath) -> Iterator[None]:
    """Give an error in writing a file its path, which that of a full disk lacks."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise


@contextmanager
def naming(file: StoragePath) -> Iterator[None]:
    """Name the file that a block writes if writing fails, since the error of a full disk does not.

    Raises:
        PlatformError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise PlatformError(
            f"{file} cannot be written: {error}. Make room there, or take another storage.root."
        ) from error


def write_atomically(file: StoragePath, content: bytes) -> None:
    """Write a whole small file that readers see complete or not at all."""
    if not file.renames_folders:
        write_bytes(file, content)
        return
    with replacing(file) as unfinished:
        write_bytes(unfinished, content)


@contextmanager
def replacing(file: StoragePath) -> Iterator[StoragePath]:
    """A file for a block to write, which then takes the place of another one; it is deleted if the block raises.

    Its name is unique, because another job may write the same file at the same time.
    """
    unfinished = file.sibling(f".{uuid.uuid4().hex[:8]}{UNFINISHED}")
    try:
        with naming_path(file):
            yield unfinished
            file.filesystem.move(unfinished.path, file.path)
    except BaseException:
        with suppress(OSError):
            remove_file(unfinished)
        raise


def move(source: StoragePath, target: StoragePath) -> None:
    """Rename, atomically on local file systems and HDFS. Object stores cannot, see `publish`."""
    make_folder(target.folder)
    source.filesystem.move(source.path, target.path)


def remove_file(file: StoragePath) -> None:
    """Delete a file, if there is one."""
    with suppress(FileNotFoundError):
        file.filesystem.delete_file(file.path)


def remove_folder(folder: StoragePath) -> None:
    """Delete a folder with all below it, if there is one."""
    if exists(folder):
        with suppress(FileNotFoundError):  # another job may have deleted it meanwhile
            folder.filesystem.delete_dir(folder.path)
