"""Files of any size: written in pieces, complete or not at all; copied and hashed in pieces."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.store.filesystem import StoragePath, make_folder, open_stream, remove_file, replacing, storage_path
from pipeline.store.private import OTHERS_MAY_WRITE

CHUNK_BYTES = 1 << 20
COPIED_BYTES = 16 << 20


def write_durably(file: StoragePath, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file of any size that readers see complete or not at all; if local, also after a loss of power."""
    if not file.renames_folders:
        _upload(file, pieces)
        return
    make_folder(file.folder)
    with replacing(file) as unfinished:
        if not file.is_local:
            with file.filesystem.open_output_stream(unfinished.path, compression=None) as stream:
                for piece in pieces:
                    stream.write(piece)
            return
        # The content before the rename, and the folder after it: after a loss of power, a name could otherwise lead to
        # an empty file, or be gone.
        with open(unfinished.path, "wb") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
    sync_folder(file.folder.path)


def copy_file(source: StoragePath, target: StoragePath) -> None:
    """Copy a file of any size, perhaps to another file system; it appears complete or not at all."""
    with open_stream(source) as stream:
        write_durably(target, iter(lambda: stream.read(COPIED_BYTES), b""))


def _upload(file: StoragePath, pieces: Iterable[bytes | memoryview]) -> None:
    """Write an object, which appears when the stream is closed; a process that is killed before leaves none."""
    with file.filesystem.open_output_stream(file.path, compression=None) as stream:
        try:
            for piece in pieces:
                stream.write(piece)
        except BaseException:
            stream.close()  # Arrow cannot abort an upload: what was sent so far becomes the object, deleted next
            remove_file(file)
            raise


def link_file(source: StoragePath, target: Path) -> None:
    """Make a file of this user alone with the content of `source`: a hard link to it if possible, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_local and not os.stat(source.path).st_mode & OTHERS_MAY_WRITE:
        with suppress(OSError):  # another file system, or one without links
            os.link(source.path, target)
            return
    copy_file(source, storage_path(str(target)))
    target.chmod(0o600)


def sync_file(file: Path | str) -> None:
    """Make the content of a local file survive a loss of power."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path | str) -> None:
    """Make a rename within a local folder, or a new file in it, survive a loss of power."""
    sync_file(folder)


def sha256_of(file: StoragePath) -> str:
    """SHA-256 of a file, in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with open_stream(file) as stream:
        while piece := stream.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
