"""Checkpoints as files: what goes in comes out, torn and altered ones are noticed, and nothing is unpickled."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from pipeline.errors import StoreError
from pipeline.store.filesystem import storage_path
from pipeline.training.checkpoint import (
    Checkpoint,
    CheckpointHead,
    generations,
    latest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from pipeline.training.records import EpochRecord

RECORD = EpochRecord(epoch=1, metrics={"loss": 0.1 + 0.2}, rows=7, seconds=1 / 3, input_seconds=0.1, best=True)
HEAD = CheckpointHead(identity='{"seed": 1}', ranks=2, steps=10, epoch=1, step=4, history=(RECORD,))


def checkpoint(step: int = 4) -> Checkpoint:
    shared = {
        "network/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "network/half": np.array([1.5, -2.0], ml_dtypes.bfloat16),
        "optimizer/iteration": np.array(41, np.int64),
        "network/nothing": np.zeros((0, 3), np.float32),
        "network/flag": np.array([True, False]),
    }
    own = {"metrics/total": np.array([[-0.0], [np.nan]])}
    return Checkpoint(HEAD.model_copy(update={"step": step}), shared, own, (np.ones(3, np.float32),))


def file_of(folder: Path, generation: int) -> Path:
    return folder / f"{generation:08d}.checkpoint"


def test_what_goes_in_comes_out(tmp_path):
    place, written = storage_path(str(tmp_path)), checkpoint()
    write_checkpoint(place, 1, written)
    found = read_checkpoint(place, 1)
    assert found.head == written.head
    for before, after in ((written.shared, found.shared), (written.own, found.own)):
        assert list(before) == list(after)
        for name, array in before.items():
            assert (after[name].dtype, after[name].shape) == (array.dtype, array.shape), name
            assert after[name].tobytes() == array.tobytes(), name
    np.testing.assert_array_equal(found.best[0], written.best[0])


def test_two_generations_stay(tmp_path):
    place = storage_path(str(tmp_path))
    for generation in (1, 2, 3, 4):
        write_checkpoint(place, generation, checkpoint(generation))
    assert generations(place) == [3, 4]
    assert latest_checkpoint(place)[1].head.step == 4


@pytest.mark.parametrize("damage", ["cut", "byte", "empty", "other"])
def test_a_torn_or_altered_one_is_told_and_the_one_before_serves(tmp_path, caplog, damage):
    place = storage_path(str(tmp_path))
    for generation in (7, 8):
        write_checkpoint(place, generation, checkpoint(generation))
    path = file_of(tmp_path, 8)
    content = path.read_bytes()
    broken = {
        "cut": content[:-40],
        "byte": content[:200] + bytes([content[200] ^ 1]) + content[201:],
        "empty": b"",
        "other": b"x" * 500,
    }
    path.write_bytes(broken[damage])
    with pytest.raises(StoreError, match=r"00000008\.checkpoint is torn or was altered"):
        read_checkpoint(place, 8)
    with caplog.at_level(logging.WARNING):
        generation, found = latest_checkpoint(place)
    assert (generation, found.head.step) == (7, 7)
    assert "is torn or was altered" in caplog.text
    assert "The checkpoint before it is used" in caplog.text
    assert generations(place) == [7]


def test_an_unfinished_file_is_none(tmp_path):
    place = storage_path(str(tmp_path))
    write_checkpoint(place, 1, checkpoint())
    (tmp_path / "00000002.checkpoint.part").write_bytes(b"half")
    assert generations(place) == [1]


def test_where_it_cannot_be_written_the_earlier_ones_stay(tmp_path):
    place = storage_path(str(tmp_path))
    write_checkpoint(place, 1, checkpoint())
    (tmp_path / "00000002.checkpoint.part").mkdir()
    with pytest.raises(StoreError, match=r"00000002\.checkpoint cannot be written: .* The earlier one stays"):
        write_checkpoint(place, 2, checkpoint())
    assert latest_checkpoint(place)[0] == 1


def test_a_full_disk_is_named_and_leaves_nothing_half(tmp_path):
    import resource

    place = storage_path(str(tmp_path))
    write_checkpoint(place, 1, checkpoint())
    large = Checkpoint(HEAD, {"network/kernel": np.zeros(1 << 18, np.float32)}, {})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, before[1]))
    try:
        with pytest.raises(StoreError, match=r"00000002\.checkpoint cannot be written: .*File too large"):
            write_checkpoint(place, 2, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["00000001.checkpoint"]


def test_nothing_is_unpickled(tmp_path):
    seen: list[str] = []
    sys.addaudithook(lambda event, _: seen.append(event) if event.startswith("pickle.") else None)
    place = storage_path(str(tmp_path))
    write_checkpoint(place, 1, checkpoint())
    read_checkpoint(place, 1)
    assert seen == []
