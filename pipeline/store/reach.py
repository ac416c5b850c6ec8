"""Whether an object store can be used, asked before a job works for it.

A folder is made where it is needed; a bucket is not, and what is wrong with it would show at the first file, when the
work for that is done.
"""

from __future__ import annotations

import uuid

from pyarrow import fs

from pipeline.errors import PlatformError
from pipeline.redact import without_user
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.object_store import ENDPOINTS, is_bucket, quick_bucket

PROBE = "_probe-"
"""What the name of a file begins with that is there for a moment; `_` hides it from readers of folders."""


def check_reachable(folder: StoragePath, setting: str) -> None:
    """Check that files can be written to a folder in an object store; other file systems are not asked.

    Args:
        folder: that will be written to.
        setting: that names it, for people.

    Raises:
        PlatformError: the server does not answer, there is no such bucket, or the credentials do not allow it.
    """
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
            f"{setting} '{without_user(folder.uri)}' cannot be written to: {without_user(str(error)).rstrip('.')}. "
            f"Allowed: a bucket that is there, with credentials that may list, read, write and delete in it. Check its "
            f"name, AWS_ACCESS_KEY_ID or the profile, and {ENDPOINTS[-1]} where it is not Amazon's."
        ) from error
