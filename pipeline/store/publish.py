"""Publication: a folder appears complete or not at all.

Where folders can be renamed, work in progress is written under `<root>/scratch/<token>`; after the last file, one
rename makes it visible. An object store has no folders: files are written under their final names, and the last one,
the marker, lists the others. Readers look for the marker, so files that a killed job left without one are ignored; the
next job with the same inputs writes the same bytes over them.

If two jobs publish the same thing, the first one wins and the second one uses its result: the name of a store is
derived from its inputs, so both are the same.

A later job on the same host deletes what a killed one left. On a local file system, each job holds a lock on
`<token>.lock` beside its scratch folder as long as it lives. Elsewhere the token decides: it names the host, the space
of process ids there (two containers may have the same host name and the same process ids) and the process.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.large_files import copy_file
from pipeline.store.layout import LOCK, scratch_folder
from pipeline.store.lock import try_lock

logger = logging.getLogger(__name__)

ASIDE = "-aside"
ATTEMPTS = 10


@contextmanager
def scratch(root: StoragePath) -> Iterator[StoragePath]:
    """A fresh folder for work in progress, deleted afterwards unless it was published."""
    folder = scratch_folder(root).child(f"{this_host()}.{os.getpid()}.{uuid.uuid4().hex}")
    with _alive(folder):
        try:
            yield folder
        finally:
            _discard(folder)


@contextmanager
def _alive(folder: StoragePath) -> Iterator[None]:
    """Show other jobs that the process which works in a scratch folder lives."""
    if not folder.is_local:
        yield
        return
    file = Path(folder.sibling(LOCK).path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as lock:
        try_lock(lock)
        try:
            yield
        finally:
            if not files.exists(folder):  # a folder that could not be deleted is left to a later job
                file.unlink(missing_ok=True)


@dataclass(frozen=True)
class Draft:
    """A folder that is being written.

    Attributes:
        folder: where its files are written.
        target: where readers look.
        marker: the name of the file that marks a folder as complete.
    """

    folder: StoragePath
    target: StoragePath
    marker: str

    def publish(self, content: bytes) -> bool:
        """Write the marker and make the folder visible; False if another job published the same before."""
        if self.target.renames_folders:
            files.write_bytes(self.folder.child(self.marker), content)
            return publish_once(self.folder, self.target, self.marker)
        if files.exists(self.target.child(self.marker)):
            return False
        files.write_atomically(self.target.child(self.marker), content)
        return True


@contextmanager
def draft(root: StoragePath, target: StoragePath, marker: str) -> Iterator[Draft]:
    """A folder to write and publish once.

    Args:
        root: the storage root.
        target: the folder where readers look; its name is derived from its inputs.
        marker: the name of the file that is written last.
    """
    if not target.renames_folders:
        yield Draft(target, target, marker)
        return
    with scratch(root) as work:
        yield Draft(work, target, marker)


def replace_folder(source: StoragePath, target: StoragePath) -> None:
    """Move a finished folder to `target`, which it replaces; a marker elsewhere says that it is complete.

    It moves by one rename, or file by file where folders cannot be renamed. Files move in descending order of their
    names: of checkpoints, the latest comes first, so that a job that is killed halfway loses no progress.
    """
    if target.renames_folders:
        files.remove_folder(target)
        files.move(source, target)
        return
    names = files.list_files(source)
    for name in reversed(names):
        copy_file(source.child(name), target.child(name))
    for name in set(files.list_files(target)) - set(names):
        files.remove_file(target.child(name))
    files.remove_folder(source)


def sweep_scratch(root: StoragePath) -> None:
    """Delete the scratch folders of processes that have certainly ended; others stay.

    Folders without a lock stay, too: those of earlier versions, whose names are not enough to tell.
    """
    folder = scratch_folder(root)
    if folder.is_local:
        # Locks without a folder as well: it was published, and its job killed before the lock was deleted.
        for lock in sorted(Path(folder.path).glob(f"*{LOCK}")):
            if lock.name.startswith(f"{socket.gethostname()}-"):  # hosts that share files may not share their locks
                _sweep_local(folder.child(lock.name.removesuffix(LOCK)), lock)
        return
    for name in files.list_folders(folder):
        host, _, pid = name.rpartition(".")[0].rpartition(".")
        if host == this_host() and pid.isdecimal() and not is_running(int(pid)):
            _discard(folder.child(name))


def _sweep_local(folder: StoragePath, file: Path) -> None:
    try:
        with file.open("r+b") as lock:
            if try_lock(lock):
                _discard(folder)
                if not files.exists(folder):
                    file.unlink(missing_ok=True)
    except OSError as error:  # another user's
        logger.debug("Scratch folder %s stays: %s", folder, error)


def publish_once(source: StoragePath, target: StoragePath, marker: str) -> bool:
    """Rename `source` to `target` unless `target` is already complete.

    Args:
        source: the finished folder.
        target: where readers look.
        marker: the file, written last, that marks a folder as complete.

    Returns:
        False if another job published the same before.
    """
    for _ in range(ATTEMPTS):
        if files.exists(target.child(marker)):
            return False
        # The target must not exist: some file systems take a rename to a folder for a move into it.
        if files.exists(target) and not _clear(target, marker, source.sibling(ASIDE)):
            return False
        try:
            files.move(source, target)
        except OSError:
            if not files.exists(target):
                raise
        else:
            return True
    raise OSError(f"{target} cannot be published: other jobs keep writing there. Stop them.")


def _clear(target: StoragePath, marker: str, aside: StoragePath) -> bool:
    """Remove an incomplete folder; False if another job completed it meanwhile."""
    try:
        files.move(target, aside)
    except OSError:
        if files.exists(target):
            raise
    if not files.exists(aside.child(marker)):
        files.remove_folder(aside)
        return True
    try:
        files.move(aside, target)
    except OSError:  # a third job has published there in between
        files.remove_folder(aside)
    return False


def _discard(folder: StoragePath) -> None:
    """Delete a folder; one to which tasks still write is left to a later job's `sweep_scratch`."""
    try:
        files.remove_folder(folder)
    except OSError as error:
        logger.debug("Scratch folder %s stays for now: %s", folder, error)


@cache
def this_host() -> str:
    """The host that this process runs on, with the space of its process ids: of one container, since the last boot."""
    try:
        space = Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        space = ""
    return f"{socket.gethostname()}-{hashlib.sha256(space.encode()).hexdigest()[:12]}"


def is_running(pid: int) -> bool:
    """Whether a process with this id exists on this host, of any user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OverflowError, PermissionError):
        return True
    return True
