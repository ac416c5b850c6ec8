"""The content of a checkpoint: what goes in comes out, and nothing is unpickled."""

from __future__ import annotations

import sys

import numpy as np

from pipeline.store.filesystem import storage_path
from pipeline.training.checkpoints.resume import read_checkpoint
from pipeline.training.checkpoints.writer import write_checkpoint
from tests.support.checkpoints import checkpoint


def test_what_goes_in_comes_out(tmp_path):
    place, written = storage_path(str(tmp_path)), checkpoint()
    write_checkpoint(place, 1, written)
    found = read_checkpoint(place, 1)
    assert found.head == written.head
    for before, after in ((written.shared, found.shared), (written.per_rank, found.per_rank)):
        assert list(before) == list(after)
        for name, array in before.items():
            assert (after[name].dtype, after[name].shape) == (array.dtype, array.shape), name
            assert after[name].tobytes() == array.tobytes(), name
    np.testing.assert_array_equal(found.best[0], written.best[0])


def test_nothing_is_unpickled(tmp_path):
    seen: list[str] = []
    sys.addaudithook(lambda event, _: seen.append(event) if event.startswith("pickle.") else None)
    place = storage_path(str(tmp_path))
    write_checkpoint(place, 1, checkpoint())
    read_checkpoint(place, 1)
    assert seen == []
