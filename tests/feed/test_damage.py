"""Bits that changed in a store's files since they were written: each is named, and no row of what has one is served."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import StoreError
from pipeline.feed import files as feed_files
from pipeline.feed.cache import open_cache
from pipeline.feed.files import StoreFiles
from pipeline.feed.memory import Resources
from pipeline.feed.order import RowSlice, shard_row_slices
from pipeline.feed.verified_parts import FilePart, VerifiedParts
from pipeline.store import checksums
from pipeline.store.filesystem import storage_path
from pipeline.store.manifest import FileEntry
from pipeline.store.store import Store, open_store
from tests.support import kinds
from tests.support.feeds import feed_of
from tests.support.fold_stores import joint, table_of, write_fold, write_rows
from tests.support.stores import regression_state

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "0.1" / "root" / "stores"
MUCH, LITTLE = 1 << 30, 1
"""Memory with which row groups are held while they are compared, and with which they are compared in pieces."""
FLIPS = 300


def of_format_3(store: Store) -> Store:
    """The same store as an earlier version would have published it."""
    splits = {
        name: split.model_copy(update={"files": tuple(file.model_copy(update={"parts": None}) for file in split.files)})
        for name, split in store.manifest.splits.items()
    }
    return replace(store, manifest=store.manifest.model_copy(update={"format": 3, "splits": splits}))


def row_slices_of(store: Store, shard: int = 0) -> Sequence[RowSlice]:
    return shard_row_slices(store.split("train"), shard, 1 << 30)


def path_of(store: Store, file: FileEntry) -> Path:
    return Path(store.file(file.path).path)


def places(file: FileEntry) -> list[int]:
    """Bytes of a file: the first and the last of each part, and random ones."""
    ends = file.parts.ends if file.parts else ()
    edges = [place for end in (0, *ends, file.bytes) for place in (end - 1, end) if 0 <= place < file.bytes]
    return [*edges, *np.random.default_rng(0).integers(0, file.bytes, FLIPS).tolist()]


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]


def altered_part(file: FileEntry, place: int) -> str:
    if file.parts is None:
        return "the file"
    number = sum(end <= place for end in file.parts.ends)
    return f"row group {number}" if number < len(file.row_groups) else "its footer"


def told_of(store: Store, row_slices: Sequence[RowSlice], memory: int) -> list[str | None]:
    """What is told when each of the row slices is read by a process that has read nothing yet; None of a sound one."""
    files, told = StoreFiles(store, "train", memory, verified=VerifiedParts()), []
    for row_slice in row_slices:
        try:
            assert len(files.read(row_slice)) == row_slice.rows
            told.append(None)
        except StoreError as error:
            told.append(str(error))
    return told


@pytest.mark.parametrize(("format_3", "memory"), [(False, MUCH), (False, LITTLE), (True, MUCH)])
def test_every_bit_counts(id_store, format_3, memory):
    store = id_store([250], row_group=100)
    store = of_format_3(store) if format_3 else store
    row_slices = row_slices_of(store)
    (file,) = store.split("train").files
    whole = path_of(store, file).read_bytes()
    for place in places(file):
        path_of(store, file).write_bytes(flipped(whole, place))
        part = altered_part(file, place)
        hashed = "SHA-256 is [0-9a-f]{64} .* [0-9a-f]{64}" if format_3 else "CRC-32 is [0-9a-f]{8} .* [0-9a-f]{8}"
        reason = f"{part} was altered: its {hashed}"
        named = f"Store {store.path.path}: {file.path} cannot be read: {reason}. "
        named += f"Delete {store.path.path} and prepare the store again."
        for row_slice, told in zip(row_slices, told_of(store, row_slices, memory), strict=True):
            if part.startswith("row group") and part != f"row group {row_slice.row_group}":
                assert told is None, place
            else:
                assert told is not None, place
                assert re.fullmatch(named, told), place
    path_of(store, file).write_bytes(whole)
    assert told_of(store, row_slices, memory) == [None] * 3


def test_every_bit_of_a_store_of_an_earlier_version_counts(tmp_path):
    (published,) = (GOLDEN / "prices").iterdir()
    shutil.copytree(published, tmp_path / "store")
    store = open_store(storage_path(str(tmp_path / "store")))
    assert store.manifest.format == 3
    row_slices = row_slices_of(store)[:1]
    file = row_slices[0].file
    whole = path_of(store, file).read_bytes()
    assert told_of(store, row_slices, MUCH) == [None]
    for place in places(file):
        path_of(store, file).write_bytes(flipped(whole, place))
        (told,) = told_of(store, row_slices, MUCH)
        assert told is not None, place
        assert f"{file.path} cannot be read: the file was altered" in told


def test_files_that_folds_share_are_compared_and_the_folder_of_all_is_to_be_deleted(tmp_path):
    state = regression_state(numeric=1, sizes=())
    name, shared_rows = "rows/0/shard-00-000.parquet", joint(state)
    write_rows(tmp_path, {name: table_of(shared_rows, kinds.ROWS)})
    store = write_fold(tmp_path, shared_rows, state, {"train": [name]})
    (file,) = store.split("train").files
    path_of(store, file).write_bytes(flipped(path_of(store, file).read_bytes(), 50))
    base = Path(store.path.path).parent
    told = rf"Store {base}/fold-0: {name} cannot be read: row group 0 was altered.* Delete {base} and prepare the store"
    with pytest.raises(StoreError, match=told):
        list(feed_of(store).epoch(0))


def test_a_training_reads_no_batch_of_an_altered_row_group(id_store):
    store = id_store([250], row_group=100)
    (file,) = store.split("train").files
    whole = path_of(store, file).read_bytes()
    path_of(store, file).write_bytes(flipped(whole, file.parts.ends[0] + 40))
    blocks = []
    with pytest.raises(StoreError, match="row group 1 was altered"):
        blocks.extend(feed_of(store, seed=None, k=1, batch=50).epoch(0))
    assert sum(block.rows.sum() for block in blocks) == 100


@pytest.mark.parametrize("kind", ["none", "memory", "disk"])
@pytest.mark.parametrize("is_copied", [False, True])
def test_a_copied_store_and_a_cached_one_are_compared_alike(id_store, tmp_path, kind, is_copied):
    store = id_store([150], row_group=100)
    if is_copied:
        shutil.copytree(store.path.path, tmp_path / "copy")
        store = open_store(storage_path(str(tmp_path / "copy")))
    (file,) = store.split("train").files
    path_of(store, file).write_bytes(flipped(path_of(store, file).read_bytes(), file.parts.ends[0] + 40))
    with closing(open_cache(kind, MUCH)) as cache:
        feed = feed_of(store, seed=None, k=1, batch=50, resources=Resources(cache=cache))
        for epoch in range(2):
            with pytest.raises(StoreError, match=r"row group 1 was altered: its CRC-32"):
                list(feed.epoch(epoch))


@pytest.fixture
def compared(monkeypatch):
    """The parts that were compared."""
    seen = []
    for name in ("check_file", "read_row_group", "check_row_group"):
        original = getattr(feed_files, name)

        def watched(*told, original=original, name=name):
            seen.append((name, told[2]) if name != "check_file" else (name, told[1].path))
            return original(*told)

        monkeypatch.setattr(feed_files, name, watched)
    return seen


@pytest.mark.parametrize(
    ("format_3", "memory", "expected"),
    [
        (False, MUCH, [("read_row_group", 0), ("read_row_group", 1)]),
        (False, LITTLE, [("check_row_group", 0), ("check_row_group", 1)]),
        (True, MUCH, [("check_file", "train/shard-00.parquet")]),
    ],
)
def test_each_part_is_compared_once_a_process_unless_it_was_written_to(id_store, compared, format_3, memory, expected):
    store = id_store([150], row_group=100)
    store = of_format_3(store) if format_3 else store
    verified, row_slices = VerifiedParts(), row_slices_of(store)

    def read() -> None:
        files = StoreFiles(store, "train", memory, verified=verified)
        ids = [row for row_slice in [*row_slices, *row_slices] for row in files.read(row_slice).row_id]
        assert ids == [*range(150), *range(150)]

    read()
    assert compared == expected
    read()
    assert compared == expected
    os.utime(path_of(store, row_slices[0].file), ns=(1, 1))
    read()
    assert compared == expected * 2


@pytest.mark.parametrize("format_3", [False, True])
@pytest.mark.parametrize("sound", [True, False])
def test_threads_wait_for_the_one_that_compares(id_store, monkeypatch, compared, format_3, sound):
    store = id_store([100], row_group=100)
    store = of_format_3(store) if format_3 else store
    (row_slice,) = row_slices_of(store)
    name = "check_file" if format_3 else "read_row_group"
    original, told = getattr(feed_files, name), []
    monkeypatch.setattr(feed_files, name, lambda *args: (time.sleep(0.1), original(*args))[1])
    if not sound:
        path_of(store, row_slice.file).write_bytes(flipped(path_of(store, row_slice.file).read_bytes(), 30))
    files = StoreFiles(store, "train", MUCH, verified=VerifiedParts())

    def read() -> None:
        try:
            told.append(len(files.read(row_slice)))
        except StoreError as error:
            told.append("was altered" in str(error))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ([100] * 4 if sound else [True] * 4)
    assert len(compared) == (1 if sound else 4)


def test_a_row_group_is_decoded_from_the_bytes_that_were_compared(id_store, monkeypatch):
    store = id_store([100], row_group=100)
    (row_slice,) = row_slices_of(store)
    path, original = path_of(store, row_slice.file), feed_files.read_row_group

    def spoiled(*told):
        content = original(*told)
        with path.open("r+b") as file:
            file.write(bytes(row_slice.file.bytes))
        return content

    monkeypatch.setattr(feed_files, "read_row_group", spoiled)
    rows = StoreFiles(store, "train", MUCH, verified=VerifiedParts()).read(row_slice)
    assert rows.row_id.tolist() == list(range(100))


def test_a_large_file_that_is_being_compared_does_not_stall(id_store, monkeypatch):
    """It takes 3 s, of which none brings a row."""
    store = of_format_3(id_store([400]))
    (file,) = store.split("train").files
    monkeypatch.setattr(checksums, "PIECE_BYTES", file.bytes // 12)
    original = VerifiedParts.count_piece

    def slow(self: VerifiedParts) -> None:
        time.sleep(0.25)
        original(self)

    monkeypatch.setattr(VerifiedParts, "count_piece", slow)
    resources = Resources(threads=1, stall_seconds=1.0)
    assert sum(block.rows.sum() for block in feed_of(store, resources=resources).epoch(0)) == 400


def test_bytes_that_are_not_held_are_not_made_up():
    held = FilePart(b"0123", 10, 20)
    assert (held.seek(0, os.SEEK_END), held.seek(11), held.tell()) == (20, 11, 11)
    assert held.read(3).to_pybytes() == b"123"
    for place, count in ((9, 2), (13, 2)):
        held.seek(place)
        with pytest.raises(ValueError, match=f"outside of the row group, at {place}"):
            held.read(count)
