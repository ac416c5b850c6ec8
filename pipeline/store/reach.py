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


def check_reachable(place: StoragePath, setting: str) -> None:
    """See that files can be written to a place in an object store; nothing is asked of other places.

    Args:
        place: a folder to be.
        setting: that names it, for people.

    Raises:
        PlatformError: the server does not answer, there is no such bucket, or the credentials do not allow it.
    """
    if place.renames_folders:
        return
    bucket = place.path.partition("/")[0]
    try:
        if is_bucket(place.uri):
            found = quick_bucket(place.uri).get_file_info(bucket)
            if found.type == fs.FileType.NotFound:
                raise OSError(f"there is no bucket '{bucket}'")
        probe = place.child(f"{PROBE}{uuid.uuid4().hex}")
        files.write_bytes(probe, b"")
        files.remove_file(probe)
    except OSError as error:
        raise PlatformError(
            f"{setting} '{without_user(place.uri)}' cannot be written to: {without_user(str(error)).rstrip('.')}. "
            f"Allowed: a bucket that is there, with credentials that may list, read, write and delete in it. Check its "
            f"name, AWS_ACCESS_KEY_ID or the profile, and {ENDPOINTS[-1]} where it is not Amazon's."
        ) from error
