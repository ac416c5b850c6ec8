"""The database file of a search. SQLite needs a local file, so a remote database is worked on as a local copy.

The whole copy is written back whenever a trial begins or ends, so that the same command resumes the search on any
machine. Two jobs that run one search at the same time do not see each other there: the last one to write wins.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath


@dataclass(frozen=True)
class Database:
    """A database on this machine.

    Attributes:
        file: its local file.
        save: writes it to the storage root; may be called by several threads.
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
    if stored.is_local:
        yield Database(Path(stored.path), lambda: None)
        return
    lock = threading.Lock()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / stored.path.rpartition("/")[2]
        if not fresh and files.exists(stored):
            file.write_bytes(files.read_bytes(stored))

        def save() -> None:
            with lock, closing(sqlite3.connect(file)) as connection:
                files.write_atomically(stored, connection.serialize())

        yield Database(file, save)
