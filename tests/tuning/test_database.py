"""A search's database and its copy: what was altered is replaced or refused; a remote root gets both."""

from __future__ import annotations

import random
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.config.search import SearchConfig
from pipeline.errors import PlatformError, StoreError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.tuning.database import Database, local_database, naming_database, restore_database
from pipeline.tuning.record import TrialRecord
from pipeline.tuning.study import open_study


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


CONFIG = SearchConfig(sampler="random", pruner="none", trials=6)


@contextmanager
def study_of(file: Path) -> Iterator:
    with open_study(file, CONFIG, seed=1, epochs=9) as study:
        yield study


def records_of(file: Path) -> list[TrialRecord]:
    with study_of(file) as study:
        return study.records()


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> Path:
    """The folder of a search of three finished trials."""
    file = storage_path(str(tmp_path_factory.mktemp("search"))).child("s.db")
    with local_database(file, fresh=False) as database, study_of(database.file) as study:
        for _ in range(3):
            trial = study.take()
            x = trial.number_between("x", 0.0, 1.0, step=None, log=False)
            trial.record_settings({"x": x})
            trial.is_behind(1, x + 1)
            trial.finish(x)
            database.save()
    return Path(file.path).parent


@pytest.fixture
def file(searched, tmp_path) -> Path:
    shutil.copytree(searched, tmp_path / "s")
    return tmp_path / "s" / "s.db"


def damaged(content: bytes, number: int) -> bytes:
    """One of many ways to damage a file."""
    chance = random.Random(number)
    place = chance.randrange(len(content))
    match number % 5:
        case 0:
            return content[:place]
        case 1:
            return content[:place] + bytes(min(4096, len(content) - place)) + content[place + 4096 :]
        case 2:
            return content[:place] + chance.randbytes(16) + content[place + 16 :]
        case 3:
            return content[:place] + content[place + 1 :]
    return content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]


def test_a_search_resumes_from_the_copy_whatever_became_of_its_database(file):
    whole, before = file.read_bytes(), records_of(file)
    for number in range(120):
        file.write_bytes(damaged(whole, number))
        restore_database(file)
        assert file.read_bytes() == Path(f"{file}.copy").read_bytes(), number
    for change in (lambda: file.write_bytes(b""), file.unlink, lambda: file.write_bytes(b"no database")):
        change()
        assert records_of(file) == before


def test_the_database_that_was_damaged_is_named_with_its_copy(file, caplog):
    file.write_bytes(file.read_bytes()[:5000])
    records_of(file)
    assert f"Search database {file} is damaged: " in caplog.text
    assert f"The search resumes from its copy, {file}.copy." in caplog.text


def test_no_damage_of_a_copy_goes_unnoticed(file, caplog):
    copy = Path(f"{file}.copy")
    whole, before, content = copy.read_bytes(), records_of(file), file.read_bytes()
    for number in range(120):
        copy.write_bytes(damaged(whole, number))
        caplog.clear()
        restore_database(file)
        assert f"{copy} was altered: the search resumes from the database itself, {file}." in caplog.text
        assert file.read_bytes() == content
    assert records_of(file) == before


def test_a_damaged_database_without_a_copy_is_refused_and_named(file):
    """As searches of earlier versions have none. No check finds a bit that changed a number."""
    Path(f"{file}.copy").unlink()
    whole, refused = file.read_bytes(), 0
    for number in range(60):
        file.write_bytes(damaged(whole, number))
        try:
            records_of(file)
        except StoreError as error:
            refused += 1
            assert str(error).startswith(f"Search database {file} "), number
            assert "set search.resume: never to start the search over" in str(error)
    assert refused > 30
    file.write_bytes(whole)
    Path(f"{file}.copy").write_bytes(b"neither")
    file.write_bytes(damaged(whole, 0))
    with pytest.raises(StoreError, match=rf"{file} is damaged: .*Its copy {file}\.copy was altered, too\. Restore it"):
        records_of(file)


def test_damage_while_a_search_runs_names_the_database_and_leaves_its_copy(file):
    copy = Path(f"{file}.copy").read_bytes()
    with (
        pytest.raises(StoreError, match=rf"Search database {file} cannot be read.*same command again to resume"),
        study_of(file) as study,
    ):
        file.write_bytes(bytes(file.stat().st_size))
        study.take()
    with (
        local_database(storage_path(str(file)), fresh=False) as database,
        pytest.raises(StoreError, match=rf"Search database {file} "),
    ):
        database.save()
    assert Path(f"{file}.copy").read_bytes() == copy


def test_no_room_names_the_database(file):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size - 4096, limits[1]))
    try:
        with (
            pytest.raises(PlatformError, match=rf"{file}\.copy cannot be written: .*Make room there"),
            local_database(storage_path(str(file)), fresh=False) as database,
        ):
            database.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with (
        pytest.raises(PlatformError, match=rf"Search database {file} cannot be written: database or disk is full"),
        naming_database(file),
        closing(sqlite3.connect(file)) as connection,
    ):
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("CREATE TABLE large AS SELECT zeroblob(10000000)")


def test_a_remote_database_that_is_damaged_is_replaced_by_its_copy(bucket):
    place = storage_path(bucket).child("searches", "n", "s-1.db")
    with local_database(place, fresh=False) as database:
        add(database, 1)
        database.save()
    files.write_bytes(place, b"SQLite format 3 no more")
    with local_database(place, fresh=False) as later:
        restore_database(later.file)
        assert numbers(later) == [1]
