"""What two ranks decide on validation rows is, bit for bit, what one decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.schemas.label import LabelSpec
from tests.support.stores import regression_state, write_small_store
from tests.support.worlds import run_world

pytestmark = [pytest.mark.world_size(2), pytest.mark.slow]

LABEL = LabelSpec(name="y", task="binary", classes=("no", "yes"))
STATE = regression_state().model_copy(update={"label": LABEL})


def decided(world: Any, folder: Path) -> dict[str, np.ndarray]:
    """By one rank of a world, with a network's first weights."""
    from pipeline.config.optimizer import OptimizerConfig
    from pipeline.config.schedule import ScheduleConfig
    from pipeline.model.head import build_head
    from pipeline.model.network import build_network
    from pipeline.networks.mlp import MlpConfig
    from pipeline.training.decision import fit_decision
    from pipeline.training.job import DecisionConfig
    from pipeline.training.optimizer import build_optimizer
    from pipeline.training.schedule import build_schedule
    from pipeline.training.step_runner import StepRunner
    from tests.support.jobs import rank_job

    store = rank_job(folder, f"rank-{world.size}-{world.rank}", MlpConfig(), {}, seed=5).open_store()
    network = build_network(MlpConfig(hidden=(4,)), STATE, 5)
    schedule = build_schedule(ScheduleConfig(), peak=0.1, epoch_steps=1, epochs=1)
    runner = StepRunner(network, build_head(LABEL, "auto"), build_optimizer(OptimizerConfig(), world, schedule), world)
    found = fit_decision(DecisionConfig(calibration="isotonic", threshold={"goal": "f1"}), store, runner)
    return {
        "threshold": np.array(found.threshold),
        "scores": np.array(found.calibration.scores),
        "rates": np.array(found.calibration.rates),
        "rows": np.array(found.rows),
    }


def test_two_ranks_decide_what_one_decides(tmp_path, world_size):
    write_small_store(tmp_path, {"train": [1], "validation": [70, 0, 31, 64, 12]}, state=STATE)
    target = "tests.training.test_decision_of_ranks:decided"
    (one,), (first, second) = (run_world(target, size, tmp_path) for size in (1, world_size))
    assert one["rows"] == first["rows"] == 177
    assert len(one["scores"]) > 3
    for name, expected in one.items():
        np.testing.assert_array_equal(first[name], expected)
    assert second["rows"] == 0
