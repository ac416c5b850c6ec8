"""A search's database elsewhere than on this machine: a copy is worked on, and put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.tuning.database import Database, local_database


def add(database: Database, number: int) -> None:
    with closing(sqlite3.connect(database.file)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS trials (number INTEGER)")
        connection.execute("INSERT INTO trials VALUES (?)", (number,))


def numbers(database: Database) -> list[int]:
    with closing(sqlite3.connect(database.file)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM trials ORDER BY number")]


def test_what_was_saved_is_there_for_a_later_job_on_any_machine(bucket):
    place = storage_path(bucket).child("searches", "n", "s-1.db")
    with pytest.raises(KeyboardInterrupt), local_database(place, fresh=False) as database:
        add(database, 1)
        database.save()
        add(database, 2)
        raise KeyboardInterrupt
    assert not database.file.exists()
    with local_database(place, fresh=False) as later:
        assert numbers(later) == [1]
        add(later, 3)
        later.save()
    with local_database(place, fresh=True) as other:
        assert not other.file.exists()
    assert files.read_bytes(place).startswith(b"SQLite format 3")


def test_on_this_machine_it_is_the_file_itself(tmp_path):
    place = storage_path(str(tmp_path)).child("s.db")
    with local_database(place, fresh=False) as database:
        add(database, 1)
        database.save()
    assert str(database.file) == place.path and numbers(database) == [1]
