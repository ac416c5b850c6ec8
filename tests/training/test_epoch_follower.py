"""Records travel from rank 0 to the driver once each, in order."""

from __future__ import annotations

import pytest

from pipeline.errors import StoreError
from pipeline.store.filesystem import storage_path
from pipeline.training.epoch_follower import follow_epochs
from pipeline.training.records import EpochRecord, read_epoch, write_epoch


def record(epoch: int) -> EpochRecord:
    return EpochRecord(epoch=epoch, metrics={"loss": 1.0 / epoch}, rows=10, seconds=0.5, input_seconds=0.1, best=True)


def test_every_record_arrives_once_in_order_also_those_of_the_last_moment(tmp_path):
    scratch, seen = storage_path(str(tmp_path)), []
    with follow_epochs(scratch, seen.append) as follower:
        for epoch in (1, 2, 3):
            write_epoch(scratch, record(epoch))
    assert seen == [record(1), record(2), record(3)]
    assert follower.history == seen


def test_an_unfinished_record_is_not_read(tmp_path):
    scratch = storage_path(str(tmp_path))
    (tmp_path / "epochs").mkdir()
    (tmp_path / "epochs" / "000001.json.part").write_text('{"epoch": 1')
    assert read_epoch(scratch, 1) is None


def test_a_record_that_is_no_record_is_named(tmp_path):
    (tmp_path / "epochs").mkdir()
    (tmp_path / "epochs" / "000001.json").write_text("{}")
    with pytest.raises(StoreError, match=r"000001.json is not a valid EpochRecord: epoch: Field required"):
        read_epoch(storage_path(str(tmp_path)), 1)


def test_a_failing_listener_costs_neither_records_nor_the_training(tmp_path, caplog):
    scratch = storage_path(str(tmp_path))

    def fail(found: EpochRecord) -> None:
        raise OSError("the tracking server went away")

    with follow_epochs(scratch, fail) as follower:
        write_epoch(scratch, record(1))
        write_epoch(scratch, record(2))
    assert [found.epoch for found in follower.history] == [1, 2]
    assert "Epoch 1 could not be reported" in caplog.text
