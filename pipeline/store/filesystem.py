"""Small files and folders under a storage root, on any file system that Arrow reaches.

A root is a local path (also `/Volumes/...` and `/dbfs/...`), `dbfs:/...` (seen as `/dbfs/...`), or a URI such as
`hdfs://...` and `s3a://...`. Rows are written by Spark and read by Petastorm; this module is for the documents
beside them and for publication.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from pipeline.errors import PlatformError

CHUNK_BYTES = 1 << 20
OBJECT_STORES = ("s3", "gcs", "abfs")
"""What Arrow calls their file systems."""
UNFINISHED = ".part"
"""What the name of a file ends with until it is complete."""


@dataclass(frozen=True)
class Root:
    """A storage root: its file system, its path there, and how Spark and Petastorm call it.

    Attributes:
        filesystem: Arrow's.
        path: absolute, without scheme and trailing slash.
        uri: scheme and path.
    """

    filesystem: fs.FileSystem
    path: str
    uri: str

    def within(self, *parts: str) -> Root:
        """A folder or file below this one."""
        tail = "/".join(parts)
        return Root(self.filesystem, f"{self.path}/{tail}", f"{self.uri}/{tail}")

    @property
    def folder(self) -> Root:
        """The folder that this one lies in."""
        return Root(self.filesystem, self.path.rpartition("/")[0], self.uri.rpartition("/")[0])

    def beside(self, ending: str) -> Root:
        """A file or folder next to this one, called alike, but for what its name ends with."""
        return Root(self.filesystem, self.path + ending, self.uri + ending)

    @property
    def is_local(self) -> bool:
        """Whether renames are atomic and files have descriptors."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    @property
    def renames_folders(self) -> bool:
        """Whether a folder can take its place by a rename: an object store has no folders."""
        return self.filesystem.type_name not in OBJECT_STORES


def open_root(root: str) -> Root:
    """The storage root named in the configuration."""
    if root.startswith("dbfs:/"):
        root = "/dbfs/" + root.removeprefix("dbfs:").lstrip("/")
    if root.startswith("file:") or "://" not in root:
        path = Path(root.removeprefix("file:").removeprefix("//")).expanduser().resolve()
        return Root(fs.LocalFileSystem(), str(path), f"file://{path}")
    try:
        filesystem, path = fs.FileSystem.from_uri(root.replace("s3a://", "s3://", 1))
    except (OSError, ValueError) as error:
        raise PlatformError(
            f"storage.root '{root}' cannot be opened: {error}. Allowed: a local path, dbfs:, hdfs:, s3a:."
        ) from error
    return Root(filesystem, path.rstrip("/"), root.rstrip("/") if path else root)


def exists(place: Root) -> bool:
    """Whether there is a file or folder."""
    return bool(place.filesystem.get_file_info(place.path).type != fs.FileType.NotFound)


def list_files(place: Root) -> list[str]:
    """All files below a folder, as sorted paths relative to it."""
    return sorted(list_sizes(place))


def list_sizes(place: Root) -> dict[str, int]:
    """Bytes of all files below a folder, by their paths relative to it; one question to the file system."""
    selector = fs.FileSelector(place.path, recursive=True, allow_not_found=True)
    found = place.filesystem.get_file_info(selector)
    return {info.path.removeprefix(place.path).lstrip("/"): int(info.size) for info in found if info.is_file}


def list_folders(place: Root) -> list[str]:
    """Names of the folders directly in a folder, sorted."""
    found = place.filesystem.get_file_info(fs.FileSelector(place.path, allow_not_found=True))
    return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)


def size_of(place: Root) -> int | None:
    """Bytes of a file, or None where there is none."""
    info = place.filesystem.get_file_info(place.path)
    return int(info.size) if info.is_file else None


def read_bytes(place: Root) -> bytes:
    """A whole small file."""
    with place.filesystem.open_input_stream(place.path, compression=None) as stream:
        return bytes(stream.read())


def write_bytes(place: Root, content: bytes) -> None:
    """A whole small file; its folder is made."""
    parent = place.path.rpartition("/")[0]
    place.filesystem.create_dir(parent, recursive=True)
    with place.filesystem.open_output_stream(place.path, compression=None) as stream:
        stream.write(content)


def write_atomically(place: Root, content: bytes) -> None:
    """A whole small file that readers see complete or not at all."""
    unfinished = place.beside(UNFINISHED)
    write_bytes(unfinished, content)
    place.filesystem.move(unfinished.path, place.path)


def write_durably(place: Root, pieces: Iterable[bytes | memoryview]) -> None:
    """A file of any size that readers see complete or not at all, also after a loss of power where it is local."""
    unfinished = place.beside(UNFINISHED)
    folder = place.path.rpartition("/")[0]
    place.filesystem.create_dir(folder, recursive=True)
    if not place.is_local:
        with place.filesystem.open_output_stream(unfinished.path, compression=None) as stream:
            for piece in pieces:
                stream.write(piece)
        place.filesystem.move(unfinished.path, place.path)
        return
    with open(unfinished.path, "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished.path, place.path)
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make a rename within a local folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(place: Root) -> str:
    """SHA-256 of a file, in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with place.filesystem.open_input_stream(place.path, compression=None) as stream:
        while piece := stream.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def move(source: Root, target: Root) -> None:
    """Rename; atomic on local file systems and HDFS."""
    target.filesystem.create_dir(target.path.rpartition("/")[0], recursive=True)
    source.filesystem.move(source.path, target.path)


def remove_file(place: Root) -> None:
    """Delete a file; nothing happens where there is none."""
    with suppress(FileNotFoundError):
        place.filesystem.delete_file(place.path)


def remove_folder(place: Root) -> None:
    """Delete a folder with all below it; nothing happens where there is none."""
    if exists(place):
        place.filesystem.delete_dir(place.path)
