"""In a bucket files are written in place, and the last one makes them count."""

from __future__ import annotations

import pytest
from pyarrow import fs

from pipeline.errors import StoreError
from pipeline.store import filesystem as files
from pipeline.store import publish
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.large_files import copy_file
from pipeline.store.layout import model_folder, store_folder
from pipeline.store.model import open_model
from pipeline.store.publish import draft, replace_folder, scratch, sweep_scratch
from pipeline.store.store import is_published, open_store
from tests.support.small_models import publish_small_model
from tests.support.stores import NAME, STORE_ID, write_small_store

MARKER = "manifest.json"


@pytest.fixture
def root(bucket, s3_server) -> StoragePath:
    before = len(s3_server.copies)
    yield storage_path(f"{bucket}/team")
    assert s3_server.copies[before:] == [], "nothing is renamed"


def test_the_marker_makes_it_count_and_the_first_one_wins(root):
    target = root.child("stores", "s")
    with draft(root, target, MARKER) as one, draft(root, target, MARKER) as two:
        assert one.folder == two.folder == target
        files.write_bytes(one.folder.child("rows"), b"same")
        files.write_bytes(two.folder.child("rows"), b"same")
        assert not files.exists(target.child(MARKER))
        assert one.publish(b"first")
        assert not two.publish(b"second")
    assert files.read_bytes(target.child(MARKER)) == b"first"
    assert files.list_files(root) == [f"stores/s/{MARKER}", "stores/s/rows"]


def test_what_a_killed_job_left_of_a_store_does_not_open_and_the_next_job_writes_over_it(root, tmp_path):
    whole = write_small_store(tmp_path, {"train": [20, 30], "validation": [10]})
    place = store_folder(root, NAME, STORE_ID)
    with pytest.raises(KeyboardInterrupt), draft(root, place, MARKER) as killed:
        files.write_bytes(killed.folder.child("train/shard-00000.parquet"), b"of another version, and longer")
        files.write_bytes(killed.folder.child("train/shard-00009.parquet"), b"that no later job writes")
        raise KeyboardInterrupt
    assert not is_published(place)
    with pytest.raises(StoreError, match=r"There is no complete store at .*: manifest\.json is missing\."):
        open_store(place)
    with draft(root, place, MARKER) as again:
        for path in files.list_files(whole.path):
            if path != MARKER:
                copy_file(whole.path.child(path), again.folder.child(path))
        assert again.publish(files.read_bytes(whole.path.child(MARKER)))
    assert open_store(place).manifest == whole.manifest


def test_a_store_does_not_open_when_a_slower_job_put_a_file_of_another_size_over_one_of_its_own(root, tmp_path):
    whole = write_small_store(tmp_path, {"train": [20, 30]})
    fs.copy_files(whole.path.path, store_folder(root, NAME, STORE_ID).path, destination_filesystem=root.filesystem)
    files.write_bytes(store_folder(root, NAME, STORE_ID).child("train/shard-00001.parquet"), b"of a slower job")
    with pytest.raises(StoreError, match=r"'train/shard-00001\.parquet' was altered"):
        open_store(store_folder(root, NAME, STORE_ID))


def test_a_folder_takes_another_one_s_place_file_by_file_the_latest_first(root, monkeypatch):
    for name in ("1", "2", "deep/3"):
        files.write_bytes(root.child("a", name), name.encode())
    files.write_bytes(root.child("b", "0"), b"left over")
    copied: list[str] = []
    real = copy_file

    def copy(source: StoragePath, target: StoragePath) -> None:
        copied.append(target.path.rpartition("/b/")[2])
        real(source, target)

    monkeypatch.setattr(publish, "copy_file", copy)
    replace_folder(root.child("a"), root.child("b"))
    assert copied == ["deep/3", "2", "1"]
    assert files.list_files(root) == ["b/1", "b/2", "b/deep/3"]
    assert files.read_bytes(root.child("b", "deep", "3")) == b"deep/3"


def publish_one(root: StoragePath, content: str) -> None:
    publish_small_model(root.child("work"), model_folder(root, "n", "m"), content)


@pytest.mark.parametrize("step", ["copy_file", "remove_folder", "write_atomically"])
def test_a_model_is_replaced_by_its_card(root, step):
    place = model_folder(root, "n", "m")

    def content() -> str:
        return files.read_bytes(open_model(place).file).decode()

    def cut_off(*arguments: object) -> None:
        raise KeyboardInterrupt

    publish_one(root, "old")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish if step == "copy_file" else publish.files, step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            publish_one(root, "new")
    assert content() == "old"
    for again in ("new", "new", "newer"):
        publish_one(root, again)
        assert content() == again
    assert len(files.list_folders(place)) == 1


def test_scratch_folders_of_ended_processes_are_swept(root, monkeypatch):
    with scratch(root) as work:
        files.write_bytes(work.child("deep", "er"), b"x")
        monkeypatch.setattr(publish, "is_running", lambda pid: False)
        sweep_scratch(root)
        assert files.list_files(root) == []
