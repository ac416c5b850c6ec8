"""Trainings on the small stores of `stores.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.train import TrainConfig
from pipeline.networks.mlp import MlpConfig
from pipeline.training.job import RankJob
from tests.support.stores import NAME, STORE_ID


def rank_job(folder: Path, name: str, model: MlpConfig, train: Mapping[str, Any], *, seed: int) -> RankJob:
    """A training of the store in `folder`, whose scratch folder there is `name`."""
    (folder / name).mkdir(exist_ok=True)
    return RankJob(
        root=str(folder),
        name=NAME,
        store_id=STORE_ID,
        scratch=str(folder / name),
        checkpoints=str(folder / f"{name}-checkpoints"),
        tensorboard=str(folder / "board") if train.get("tensorboard") else None,
        model=model,
        train=TrainConfig(**train),
        seed=seed,
    )
