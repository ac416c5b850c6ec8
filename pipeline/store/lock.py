"""Files that one process of this machine locks, as long as it lives and keeps them open."""

from __future__ import annotations

import fcntl
from typing import IO


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file; False if another process has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
