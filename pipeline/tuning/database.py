"""The database file of a search: sqlite works on files of this machine alone, so elsewhere it works on a copy.

The copy is put back whenever a trial begins or ends, whole, so that the same command goes on from there on any machine.
Two jobs that run one search at once are not told of each other there: the later one to put it back wins.
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
    """A database that can be opened.

    Attributes:
        file: of this machine.
        save: puts it where later jobs find it; may be called by several threads.
    """

    file: Path
    save: Callable[[], None]


@contextmanager
def local_database(place: StoragePath, *, fresh: bool) -> Iterator[Database]:
    """A database for the length of a block.

    Args:
        place: where it lies under the storage root.
        fresh: leave what an earlier job left.
    """
    if place.is_local:
        yield Database(Path(place.path), lambda: None)
        return
    lock = threading.Lock()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / place.path.rpartition("/")[2]
        if not fresh and files.exists(place):
            file.write_bytes(files.read_bytes(place))

        def save() -> None:
            with lock, closing(sqlite3.connect(file)) as connection:
                files.write_atomically(place, connection.serialize())

        yield Database(file, save)
