"""What worlds of 1, 2 and 4 real ranks found when they did the same work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.stores import SPARSE, regression_state, write_small_store
from tests.support.worlds import run_world

if TYPE_CHECKING:
    import numpy as np

SIZES = (1, 2, 4)
UNEVEN = {"train": [400, 40, 130, 250]}
"""One shard has ten times the rows of another."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, np.ndarray]]]:
    """By size of the world, what each rank found."""
    folder = tmp_path_factory.mktemp("worlds")
    write_small_store(folder / "plain", UNEVEN)
    write_small_store(folder / "sparse", SPARSE)
    write_small_store(folder / "weighted", UNEVEN, state=regression_state().model_copy(update={"weight": "w"}))
    return {size: run_world("tests.support.learning:learn_all", size, folder) for size in SIZES}
