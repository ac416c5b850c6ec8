"""A training of some hundred steps on two ranks, which is killed as often as a test wants, and what it told."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from pipeline.networks.mlp import MlpConfig
from pipeline.training.job import RankJob
from tests.support.forks import SERVER, Call
from tests.support.jobs import rank_job

SHARDS = {"train": [1400, 500, 1100, 1000], "validation": [900, 100, 0, 500]}


def job(folder: Path, name: str, **train: object) -> RankJob:
    """Some hundred steps, with dropout, a schedule, and a best epoch to remember."""
    settings = {
        "workers": 2,
        "batch_size": 32,
        "epochs": 3,
        "steps_per_execution": 2,
        "optimizer": {"name": "adam", "learning_rate": 0.003},
        "early_stopping": {"patience": 3},
        "schedule": {"name": "cosine", "warmup_epochs": 0.5},
        "checkpoint": {"every_steps": 10},
    }
    return rank_job(folder, name, MlpConfig(hidden=(16,), dropout=0.2), settings | train, seed=3)


def live(told: RankJob, kills: int, seed: int = 0, *, timeout: float = 270) -> dict:
    """Train on two ranks without Spark, killed so many times; see `tests/support/lives.py`."""
    with tempfile.TemporaryDirectory() as folder:
        out, log = f"{folder}/out.json", f"{folder}/log"
        call = Call("tests.support.lives:live_on", (told.to_json(), str(kills), str(seed), out), log)
        (code,) = SERVER.run([call], seconds=timeout)
        assert code == 0, Path(log).read_text()[-3000:]
        return json.loads(Path(out).read_text())


def history(told: RankJob) -> list[tuple[dict[str, float], bool]]:
    """What the epochs' records tell, but for times."""
    records = [json.loads(path.read_text()) for path in sorted(Path(told.scratch).glob("epochs/*.json"))]
    return [(record["metrics"], record["best"]) for record in records]
