"""Files of any size: written in pieces, complete or not at all; copied and hashed in pieces."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from pipeline.store.filesystem import UNFINISHED, StoragePath, make_folder, open_stream, remove_file

CHUNK_BYTES = 1 << 20
COPIED_BYTES = 16 << 20


def write_durably(file: StoragePath, pieces: Iterable[bytes | memoryview]) -> None:
    """A file of any size that readers see complete or not at all, also after a loss of power where it is local."""
    if not file.renames_folders:
        _upload(file, pieces)
        return
    unfinished = file.sibling(UNFINISHED)
    make_folder(file.folder)
    if not file.is_local:
        with file.filesystem.open_output_stream(unfinished.path, compression=None) as stream:
            for piece in pieces:
                stream.write(piece)
        file.filesystem.move(unfinished.path, file.path)
        return
    with open(unfinished.path, "wb") as stream:
        stream.writelines(pieces)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(unfinished.path, file.path)
    _sync_folder(file.folder.path)


def copy_file(source: StoragePath, target: StoragePath) -> None:
    """A file of any size once more, perhaps on another file system; complete or not at all."""
    with open_stream(source) as stream:
        write_durably(target, iter(lambda: stream.read(COPIED_BYTES), b""))


def _upload(file: StoragePath, pieces: Iterable[bytes | memoryview]) -> None:
    """An object, which is there when the stream is closed; a process that is killed before leaves none."""
    with file.filesystem.open_output_stream(file.path, compression=None) as stream:
        try:
            for piece in pieces:
                stream.write(piece)
        except BaseException:
            stream.close()  # Arrow cannot break an upload off: what came so far becomes the object
            remove_file(file)
            raise


def _sync_folder(folder: str) -> None:
    """Make a rename within a local folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(file: StoragePath) -> str:
    """SHA-256 of a file, in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with open_stream(file) as stream:
        while piece := stream.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
