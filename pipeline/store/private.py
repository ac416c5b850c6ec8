"""Files and folders that are this user's alone.

Folders of the system's temporary directory have names that anybody can foresee, and make first: as a folder of their
own, whose files they read and replace, or as a link to somewhere else. So such a folder is used only if it belongs to
this user and nobody else may write there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def temporary_folder(purpose: str) -> Path:
    """This user's folder for a purpose in the system's temporary directory, made unless there is one.

    Raises:
        OSError: see `require_own_folder`.
    """
    folder = Path(tempfile.gettempdir(), f"pipeline-{purpose}-{os.getuid()}")
    return own_folder(folder)


def own_folder(folder: Path) -> Path:
    """Make a folder for this user alone, unless there is one.

    Raises:
        OSError: see `require_own_folder`.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    require_own_folder(folder)
    return folder


def require_own_folder(folder: Path) -> None:
    """Check that nobody but this user can have put files into a folder.

    Raises:
        OSError: it is missing, no folder, a link, somebody else's, or others may write to it.
    """
    status = os.lstat(folder)
    _require_own(folder, status, is_expected=stat.S_ISDIR(status.st_mode), kind="folder")


def read_own(folder: Path, name: str) -> bytes:
    """Read a file of a folder that this user owns.

    Raises:
        OSError: the name leads out of the folder; or the file is missing, no ordinary file, a link, somebody else's, or
            others may write to it.
    """
    if name in ("", "..") or Path(name).name != name:
        raise PermissionError(f"'{name}' is not the name of a file in {folder}")
    file = folder / name
    # Not blocking, or a pipe would be waited for. What is checked is what was opened, not what bears its name by then.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        _require_own(file, status, is_expected=stat.S_ISREG(status.st_mode), kind="ordinary file")
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(descriptor)


def links_below(folder: StoragePath) -> list[str]:
    """Paths of symbolic links and other special files below a local folder, which lead elsewhere or have no end."""
    if not folder.is_local:
        return []
    below = (Path(parent, name) for parent, folders, names in os.walk(folder.path) for name in (*folders, *names))
    return sorted(str(path) for path in below if not _is_plain(os.lstat(path)))


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def write_private(file: StoragePath, content: bytes) -> None:
    """Write a whole small file that readers see complete or not at all, and on this machine nobody but this user."""
    if not file.is_local:
        files.write_atomically(file, content)
        return
    path = Path(file.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{path.name}.", suffix=files.UNFINISHED, dir=path.parent)
    with open(descriptor, "wb") as stream:
        stream.write(content)
    os.replace(unfinished, path)


def _require_own(path: Path, status: os.stat_result, *, is_expected: bool, kind: str) -> None:
    if not is_expected:
        raise PermissionError(f"{path} is no {kind}. Remove it")
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to user {status.st_uid}, not to {os.geteuid()}. Remove it")
    if status.st_mode & OTHERS_MAY_WRITE:
        raise PermissionError(f"others may write to {path}. Run: chmod go-w {path}")
