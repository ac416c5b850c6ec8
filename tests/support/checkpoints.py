"""A small checkpoint with arrays of several types."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from pipeline.training.checkpoints.format import Checkpoint, CheckpointHead
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
