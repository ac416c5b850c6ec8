"""Files that one process of this machine locks, as long as it lives and keeps them open.

The kernel releases a lock when its process ends, however that happens, and processes see each other's locks across
containers that share the file system. A file system without locks, and a remote one, locks nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.errors import ConfigError
from pipeline.store.filesystem import StoragePath, make_folder

HELD_BY_ANOTHER = (errno.EWOULDBLOCK, errno.EACCES)


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file; False if another process has locked it, or the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def exclusive(file: StoragePath, what: str, remedy: str) -> Iterator[None]:
    """Keep other jobs out for the length of a block.

    Args:
        file: the file to lock, which names the process that holds it, and is deleted afterwards.
        what: what the other job does, after "Another job".
        remedy: what else to do than wait for that job or stop it.

    Raises:
        ConfigError: another job is in such a block; names its process and host.
    """
    if not file.is_local:
        yield
        return
    make_folder(file.folder)
    lock = _locked(Path(file.path), what, remedy)
    try:
        yield
    finally:
        Path(file.path).unlink(missing_ok=True)  # while it is locked: see `_locked`
        lock.close()


def _locked(path: Path, what: str, remedy: str) -> IO[bytes]:
    """The file, locked, which says who holds it; that other jobs delete when they are done with it is no matter."""
    while True:
        lock = path.open("a+b")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD_BY_ANOTHER:
                with lock:
                    lock.seek(0)
                    holder = lock.read().decode(errors="replace") or "a process that has just begun"
                raise ConfigError(f"Another job {what}: {holder}. Wait for it, stop it, or {remedy}.") from error
        if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
            lock.flush()
            return lock
        lock.close()  # its holder deleted it between our opening and our locking it
