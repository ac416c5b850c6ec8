"""What a process keeps of the trainings that ran in it, one after the other, as in Spark's Python workers."""

from __future__ import annotations

import gc

import psutil
import pytest

from pipeline.networks.mlp import MlpConfig
from tests.support.jobs import rank_job
from tests.support.stores import write_small_store

pytest.importorskip("keras")

from tensorflow.python.framework.func_graph import FuncGraph

from pipeline.training.rank import train_rank
from pipeline.training.world import SingleWorld

SETTINGS = {"batch_size": 64, "epochs": 1, "cache": "memory", "early_stopping": None}
PROCESS = psutil.Process()


@pytest.fixture
def train(tmp_path):
    """Trains once more, in a world of one."""
    write_small_store(tmp_path, {"train": [2000, 1500], "validation": [400, 600]})
    jobs = (rank_job(tmp_path, str(number), MlpConfig(), SETTINGS, seed=number) for number in range(100))
    return lambda: train_rank(next(jobs).model_copy(update={"saves": False, "checkpoints": None}), SingleWorld())


def graphs() -> int:
    gc.collect()
    return sum(isinstance(thing, FuncGraph) for thing in gc.get_objects())


def test_a_training_leaves_neither_graphs_nor_threads_behind(train):
    train()
    before = graphs(), PROCESS.num_threads()
    for _ in range(2):
        train()
    assert graphs() == before[0]
    # Pools of libraries may still grow or shrink by a thread.
    assert PROCESS.num_threads() <= before[1] + 2


@pytest.mark.slow
def test_memory_does_not_grow_from_training_to_training(train):
    held = []
    for _ in range(30):
        train()
        held.append(PROCESS.memory_info().rss)
    assert max(held[-5:]) / max(held[:5]) < 1.05, [size >> 20 for size in held]
