"""Checkpoints as files: the latest two stay, torn and altered ones are noticed, and no half file counts."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import PlatformError, StoreError
from pipeline.store.filesystem import storage_path
from pipeline.training.checkpoints.format import Checkpoint
from pipeline.training.checkpoints.resume import latest_checkpoint, read_checkpoint
from pipeline.training.checkpoints.writer import list_generations, write_checkpoint
from tests.support.checkpoints import HEAD, checkpoint


def file_of(folder: Path, generation: int) -> Path:
    return folder / f"{generation:08d}.checkpoint"


def test_two_generations_stay(tmp_path):
    place = storage_path(str(tmp_path))
    for generation in (1, 2, 3, 4):
        write_checkpoint(place, generation, checkpoint(generation))
    assert list_generations(place) == [3, 4]
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
    with pytest.raises(StoreError, match=r"00000008\.checkpoint is truncated or was altered"):
        read_checkpoint(place, 8)
    with caplog.at_level(logging.WARNING):
        generation, found = latest_checkpoint(place)
    assert (generation, found.head.step) == (7, 7)
    assert "is truncated or was altered" in caplog.text
    assert "Falling back to the previous checkpoint" in caplog.text
    assert list_generations(place) == [7]


def test_an_unfinished_file_is_none(tmp_path):
    place = storage_path(str(tmp_path))
    write_checkpoint(place, 1, checkpoint())
    (tmp_path / "00000002.checkpoint.part").write_bytes(b"half")
    assert list_generations(place) == [1]


def test_where_it_cannot_be_written_the_earlier_ones_stay(tmp_path):
    place = storage_path(str(tmp_path))
    write_checkpoint(place, 1, checkpoint())
    (tmp_path / "00000002.checkpoint").mkdir()
    with pytest.raises(PlatformError, match=r"00000002\.checkpoint cannot be written: .* The previous one is kept"):
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
        with pytest.raises(PlatformError, match=r"00000002\.checkpoint cannot be written: .*File too large"):
            write_checkpoint(place, 2, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["00000001.checkpoint"]
