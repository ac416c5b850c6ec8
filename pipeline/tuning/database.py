"""The database file of a search, and its copy, which is made whenever a trial begins or ends.

    <study>-<id>.db        worked on, and read by other tools while the search runs
    <study>-<id>.db.copy   the state of the last trial that began or ended, itself an SQLite database

A search resumes from the copy: SQLite notices damaged pages when it reads them, but no bit of a value. The copy has a
CRC-32 of itself and is replaced in one step, like a checkpoint. Without a copy, or if that is damaged, the search
resumes from the database.

SQLite needs a local file, so a remote database is worked on as a local one. Both files are written back whenever a
trial begins or ends, so that the same command resumes the search on any machine. Two jobs that run one search at the
same time do not see each other there: the last one to write wins.
"""

from __future__ import annotations

import logging
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError, PlatformError, StoreError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, naming, storage_path
from pipeline.store.large_files import write_durably

logger = logging.getLogger(__name__)

COPY = ".copy"
JOURNALS = ("-journal", "-wal", "-shm")
"""Endings of SQLite's own files beside a database, which belong to the very file that they were written for."""
USER_VERSION = 60
"""Offset of a number of 4 bytes in the header that neither SQLite nor Optuna uses: in the copy, it is the checksum."""
FULL = ("database or disk is full", "disk I/O error")
OVER = "set search.resume: never to start the search over"


@dataclass(frozen=True)
class Database:
    """A database on this machine.

    Attributes:
        file: its local file.
        save: copies it, and writes it to the storage root if that is remote; may be called by several threads.
    """

    file: Path
    save: Callable[[], None]


@contextmanager
def local_database(stored: StoragePath, *, fresh: bool) -> Iterator[Database]:
    """A database for the length of a block.

    Args:
        stored: its path under the storage root.
        fresh: whether to ignore the database of an earlier job.
    """
    copy = stored.sibling(COPY)
    if stored.is_local:
        yield Database(Path(stored.path), _saver(Path(stored.path), copy))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / stored.path.rpartition("/")[2]
        for remote, local in ((stored, file), (copy, _copy_of(file))):
            if not fresh and files.exists(remote):
                local.write_bytes(files.read_bytes(remote))
        yield Database(file, _saver(file, stored, copy))


def restore_database(file: Path) -> None:
    """Replace a database by its copy, where there is a sound one. No other process may have the database open.

    Raises:
        StoreError: it is damaged, and there is no sound copy.
    """
    copy, damage = _copy_of(file), _damage_of(file)
    content = copy.read_bytes() if copy.exists() else None
    if content is not None and content == _with_checksum(content):
        if damage:
            logger.warning("Search database %s %s. The search resumes from its copy, %s.", file, damage, copy)
        _remove_journals(file)
        write_durably(storage_path(str(file)), [content])
        return
    if damage and file.exists() and file.stat().st_size:
        also = f" Its copy {copy} was altered, too." if content is not None else ""
        raise _damaged(file, damage, also)
    if content is not None:
        logger.warning("%s was altered: the search resumes from the database itself, %s.", copy, file)
    elif file.exists() and damage:  # a job was killed before it wrote anything, or the file was truncated
        logger.warning("Search database %s %s: the search starts over.", file, damage)


def remove_database(file: Path) -> None:
    """Delete a database with its copy."""
    for path in (file, _copy_of(file)):
        path.unlink(missing_ok=True)
    _remove_journals(file)


@contextmanager
def naming_database(file: Path, *, opening: bool = False) -> Iterator[None]:
    """Turn the errors of a block about a database into ours, which name it.

    Args:
        file: the database.
        opening: whether the block only opens and reads it, so that every error is one about its content.

    Raises:
        PlatformError: there is no room for it.
        StoreError: it is damaged.
    """
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        cause = _database_error(error)
        if cause is not None and str(cause).startswith(FULL):
            raise PlatformError(
                f"Search database {file} cannot be written: {cause}. Make room there, or take another storage.root; "
                "then run the same command again to resume the search."
            ) from error
        if cause is None and not opening:
            raise
        shown = cause or error
        raise _damaged(file, f"cannot be read: {type(shown).__name__}: {shown}") from error


def _damaged(file: Path, damage: str, also: str = "") -> StoreError:
    remedy = f"Run the same command again to resume from its copy, {_copy_of(file)}; or {OVER}"
    if also or not _copy_of(file).exists():
        remedy = f"Restore it from a backup, or {OVER}"
    return StoreError(f"Search database {file} {damage.rstrip('.')}.{also} {remedy}.")


def _database_error(error: BaseException | None) -> sqlite3.Error | None:
    """SQLite's error, which those of Optuna and SQLAlchemy have as their cause."""
    while error is not None and not isinstance(error, sqlite3.Error):
        error = error.__cause__ or error.__context__
    return error


def _saver(file: Path, *targets: StoragePath) -> Callable[[], None]:
    """A function that writes the present state of a database to each target, one thread at a time."""
    lock = threading.Lock()

    def save() -> None:
        with lock, naming_database(file):
            with closing(sqlite3.connect(file)) as connection:
                if damage := _damage_in(connection):  # must not replace a sound copy
                    raise _damaged(file, damage)
                content = _with_checksum(connection.serialize())
            for target in targets:
                with naming(target):
                    write_durably(target, [content])

    return save


def _damage_of(file: Path) -> str:
    """What is wrong with a database, as the rest of a sentence about it; empty if nothing is."""
    if not file.exists():
        return "is missing"
    try:
        with closing(sqlite3.connect(file)) as connection:
            return _damage_in(connection) if file.stat().st_size else "is empty"
    except sqlite3.Error as error:
        return f"is damaged: {error}"


def _damage_in(connection: sqlite3.Connection) -> str:
    (first,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if first == "ok" else f"is damaged: {' '.join(first.split())}"


def _with_checksum(content: bytes) -> bytes:
    """A database with the checksum of all its other bytes."""
    before, after = content[:USER_VERSION], content[USER_VERSION + 4 :]
    return before + zlib.crc32(before + after).to_bytes(4, "big") + after


def _remove_journals(file: Path) -> None:
    for ending in JOURNALS:
        Path(f"{file}{ending}").unlink(missing_ok=True)


def _copy_of(file: Path) -> Path:
    return file.with_name(file.name + COPY)
