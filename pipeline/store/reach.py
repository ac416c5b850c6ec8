"""Checks whether a folder can be written to, before a job works for it.

A missing folder is created later; a missing bucket is not. Either would be noticed only when the first file is written,
after the work for it is done.
"""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

from pyarrow import fs

from pipeline.errors import PlatformError
from pipeline.redact import redacted
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.object_store import ENDPOINTS, is_bucket, quick_bucket

PROBE = "_probe-"
"""Prefix of the name of a file that exists for a moment; `_` hides it from readers of folders."""


def check_reachable(folder: StoragePath, setting: str) -> None:
    """Check that files can be written to a folder in an object store, or in this machine's file system.

    Args:
        folder: the folder to write to.
        setting: the setting that names it, for messages.

    Raises:
        PlatformError: the server does not answer, there is no such bucket, or the credentials do not allow it; or the
            folder's closest existing parent takes no files.
    """
    if folder.is_local:
        _check_local(Path(folder.path), setting)
    if folder.renames_folders:
        return
    bucket = folder.path.partition("/")[0]
    try:
        if is_bucket(folder.uri):
            info = quick_bucket(folder.uri).get_file_info(bucket)
            if info.type == fs.FileType.NotFound:
                raise OSError(f"there is no bucket '{bucket}'")
        probe = folder.child(f"{PROBE}{uuid.uuid4().hex}")
        files.write_bytes(probe, b"")
        files.remove_file(probe)
    except OSError as error:
        raise PlatformError(
            f"{setting} '{redacted(folder.uri)}' cannot be written to: {redacted(str(error)).rstrip('.')}. "
            f"Allowed: an existing bucket, with credentials that may list, read, write and delete in it. Check its "
            f"name, AWS_ACCESS_KEY_ID or the profile, and {ENDPOINTS[-1]} where it is not Amazon's."
        ) from error


def _check_local(folder: Path, setting: str) -> None:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.NamedTemporaryFile(prefix=PROBE, dir=existing):
            pass
    except OSError as error:
        raise PlatformError(
            f"{setting} '{folder}' cannot be written to: {existing}: {error.strerror}. Allowed: a folder in which this "
            "user may create files. Change its permissions, or take another folder."
        ) from error
