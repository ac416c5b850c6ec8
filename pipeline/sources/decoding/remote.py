"""File systems that are not local: buckets as the store opens them, others by Arrow, or by fsspec where Arrow has none.

Credentials come from where the file system's own client looks for them: the environment, profiles, the machine's role.
What else it must know may stand behind a path, as in `s3://lake/rows?endpoint_override=localhost:9000&scheme=http`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from pyarrow import fs

from pipeline.store.filesystem import storage_path
from pipeline.store.object_store import QUERY, S3_SCHEMES, client_environment, open_bucket

AZURE_OPTIONS = (
    "blob_storage_authority",
    "dfs_storage_authority",
    "blob_storage_scheme",
    "dfs_storage_scheme",
    "enable_tls",
)
OPTIONS = frozenset({*QUERY, "project_id", *AZURE_OPTIONS})
"""What may be said behind a path; anything that begins otherwise is part of a pattern."""

_REMOTE = re.compile(r"(?!file:)([A-Za-z][\w+.-]*)://([^/]*)/*(.*)", re.DOTALL)
_QUERY = re.compile(r"\?(\w+)=[^?*{\[]*$")
_CLIENTS = ("AZURE_", "GOOGLE_", "HADOOP_")
_OTHER_NAMES = {"abfss": "abfs"}


def without_query(location: str) -> tuple[str, str]:
    """A location, and the options behind it, which may be none."""
    match = _QUERY.search(location)
    if match is None or match[1] not in OPTIONS or not is_remote(location):
        return location, ""
    return location[: match.start()], location[match.start() + 1 :]


def is_remote(location: str) -> bool:
    """Whether it names a file system that is not local, in a way that Arrow may know."""
    return _REMOTE.match(location) is not None


@dataclass(frozen=True)
class RemotePath:
    """A file system and a path in it.

    Attributes:
        filesystem: Arrow's.
        origin: the URI of its root, or of the bucket or container.
        base: the path of the root there.
        path: below the root, without slashes at its ends.
    """

    filesystem: fs.FileSystem
    origin: str
    base: str
    path: str

    def full(self, path: str) -> str:
        """How the file system calls a path."""
        return f"{self.base}/{path}" if path else self.base or "/"

    def uri(self, full: str) -> str:
        """The URI of what the file system calls so."""
        path = full.strip("/").removeprefix(self.base.strip("/")).strip("/")
        return f"{self.origin}/{path}" if path else self.origin

    def modified(self, info: fs.FileInfo) -> int | None:
        """When a file was last written, in milliseconds; None where the file system does not say."""
        if info.mtime_ns is not None:
            return int(info.mtime_ns) // 1_000_000
        # Arrow hands on times of fsspec's under one of the names that they have there.
        handler = getattr(self.filesystem, "handler", None)
        if not isinstance(handler, fs.FSSpecHandler):
            return None
        try:
            return int(handler.fs.modified(info.path).timestamp() * 1000)
        except NotImplementedError:
            return None


def open_remote(location: str, query: str = "") -> RemotePath:
    """A path on a file system that is not local; nothing is asked of it yet.

    Raises:
        ConfigError: the address of a bucket holds credentials or a sign that it cannot have.
        OSError: neither Arrow nor fsspec can open it.
    """
    match = _REMOTE.fullmatch(location)
    if match is None:
        raise OSError("neither Arrow nor fsspec knows such a path")
    scheme, authority, path = match.groups()
    if scheme in (*S3_SCHEMES, "s3n"):
        filesystem, base = open_bucket(f"s3://{authority}" + (f"?{query}" if query else ""))
    else:
        filesystem, base = _open(scheme, authority, query, client_environment(*_CLIENTS))
    return RemotePath(filesystem, f"{scheme}://{authority}", base.rstrip("/"), path.rstrip("/"))


def open_stored(uri: str) -> Any:
    """A seekable binary file below a storage root, whose settings may stand behind its path.

    Raises:
        OSError: it cannot be opened.
    """
    root = storage_path(uri)
    return root.filesystem.open_input_file(root.path)


@dataclass(frozen=True)
class FileOpener:
    """Opens the files of a source, in tasks and in the driver; plain data.

    Attributes:
        query: options of its file system.
    """

    query: str = ""

    def __call__(self, uri: str) -> Any:
        """A seekable binary file.

        Raises:
            OSError: it cannot be opened.
        """
        if uri.startswith(("file:", "dbfs:")) or ":/" not in uri:
            return open_stored(uri)
        remote = open_remote(uri, self.query)
        return remote.filesystem.open_input_file(remote.full(remote.path))


@cache
def _open(
    scheme: str, authority: str, query: str, environment: tuple[tuple[str, str], ...]
) -> tuple[fs.FileSystem, str]:
    """A file system, and the path of its root, bucket or container; opened once for an environment."""
    tail = (authority or "/") + (f"?{query}" if query else "")
    try:
        opened: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(f"{_OTHER_NAMES.get(scheme, scheme)}://{tail}")
    except ValueError as error:
        if "filesystem type" not in str(error):
            raise OSError(str(error)) from error
        return _open_by_fsspec(scheme, authority, query)
    return opened


def _open_by_fsspec(scheme: str, authority: str, query: str) -> tuple[fs.FileSystem, str]:
    try:
        from fsspec.core import url_to_fs

        filesystem, base = url_to_fs(f"{scheme}://{authority}", **dict(parse_qsl(query)))
    except (ImportError, ValueError) as error:
        raise OSError(f"neither Arrow nor fsspec opens '{scheme}:' ({error})") from error
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), base
