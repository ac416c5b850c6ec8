"""Stores of numbered rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.feed.files import StoreFiles
from pipeline.store.store import Store
from tests.support.feeds import numbered, publish


@pytest.fixture
def id_store(tmp_path: Path) -> Callable[..., Store]:
    """Makes stores of numbered rows, ids 0, 1, 2, ... shard by shard."""

    def make(shard_rows: Sequence[int], **options: int) -> Store:
        starts = np.cumsum([0, *shard_rows])
        return publish(tmp_path, [numbered(range(*bounds)) for bounds in pairwise(starts)], **options)

    return make


@pytest.fixture
def reads(monkeypatch):
    """How many row slices were read from files."""
    seen = []

    def watched(self, row_slice):
        seen.append(row_slice)
        return original(self, row_slice)

    original = StoreFiles.read
    monkeypatch.setattr(StoreFiles, "read", watched)
    return seen
