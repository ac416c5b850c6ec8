"""Training runs of one process that take over compiled steps, and those that must not."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.optimizer import OptimizerConfig
from pipeline.networks.mlp import MlpConfig
from pipeline.schemas.label import LabelSpec
from pipeline.training.job import RankResult
from tests.support.jobs import rank_job
from tests.support.stores import regression_state, write_small_store

pytest.importorskip("keras")

from pipeline.training import kept_runner
from pipeline.training.rank import train_rank
from pipeline.training.step_runner import StepRunner
from pipeline.training.world import SingleWorld

SHARDS = {"train": [200, 150], "validation": [40, 60]}
DROPOUT = MlpConfig(hidden=(8,), dropout=0.3)


@pytest.fixture(autouse=True)
def _nothing_kept():
    """Each test begins as a new process does."""
    kept_runner._last.clear()
    yield
    kept_runner._last.clear()


@pytest.fixture
def built(monkeypatch) -> list[StepRunner]:
    """The runners that were built anew."""
    runners, build = [], kept_runner.assemble_runner
    monkeypatch.setattr(kept_runner, "assemble_runner", lambda *args: runners.append(build(*args)) or runners[-1])
    return runners


def train(folder: Path, name: str, *, seed: int = 3, model: MlpConfig = DROPOUT, **settings: Any) -> RankResult:
    rate = settings.pop("learning_rate", 0.01)
    optimizer = {"name": "adam", "learning_rate": rate, "clip_norm": 1.0} | settings.pop("optimizer", {})
    content = {"batch_size": 16, "epochs": 2, "optimizer": OptimizerConfig(**optimizer)} | settings
    job = rank_job(folder, name, model, content, seed=seed)
    return train_rank(job.model_copy(update={"saves": False, "checkpoints": None}), SingleWorld())


@pytest.mark.parametrize("precision", ["none", "float16"])
def test_another_rate_or_seed_takes_over_and_learns_the_same_bits(tmp_path, built, precision):
    write_small_store(tmp_path, SHARDS)
    variants = [{"learning_rate": 0.01}, {"learning_rate": 0.003, "seed": 4}, {"reduce_on_plateau": {"patience": 1}}]
    others = [settings | {"mixed_precision": precision} for settings in variants[:2]]
    in_turn = [train(tmp_path, f"taken-{number}", **settings).weights for number, settings in enumerate(others)]
    assert len(built) == 1
    alone = []
    for number, settings in enumerate(others):
        kept_runner._last.clear()
        alone.append(train(tmp_path, f"alone-{number}", **settings).weights)
    assert in_turn == alone
    assert len(set(alone)) == 2
    assert len(built) == 3


def test_folds_of_a_classification_take_over(tmp_path, built):
    def state(center: float, counts: tuple[int, int]):
        label = LabelSpec(name="y", task="binary", classes=("no", "yes"), counts=counts)
        plain = regression_state()
        numeric = tuple(feature.model_copy(update={"center": center}) for feature in plain.numeric)
        return plain.model_copy(update={"label": label, "numeric": numeric})

    folders = [tmp_path / name for name in ("a", "b")]
    for number, folder in enumerate(folders):
        folder.mkdir()
        write_small_store(folder, SHARDS, state=state(0.5 * number, (100 + number, 50)), seed=number)
    in_turn = [train(folder, "s").weights for folder in folders]
    assert len(built) == 1
    kept_runner._last.clear()
    assert train(folders[1], "alone").weights == in_turn[1]


@pytest.mark.parametrize(
    "change",
    [
        {"model": MlpConfig(hidden=(9,), dropout=0.3)},
        {"optimizer": {"clip_norm": 2.0}},
        {"metrics": ["r2"]},
        {"loss": "mae"},
        {"batch_size": 32},
        {"mixed_precision": "bfloat16"},
        {"callbacks": [{"target": "tests.support.callbacks:Counting"}]},
        {"schedule": {"name": "cosine"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_the_steps_are_compiled_from_must_be_the_same(tmp_path, built, change):
    write_small_store(tmp_path, SHARDS)
    train(tmp_path, "before", epochs=1)
    changed = train(tmp_path, "changed", **{"epochs": 1, **change}).weights
    assert len(built) == 2
    kept_runner._last.clear()
    assert train(tmp_path, "alone", **{"epochs": 1, **change}).weights == changed


def test_another_label_scale_is_compiled_anew(tmp_path, built):
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        label = LabelSpec(name="y", task="regression", transform="standard", center=float(number))
        write_small_store(folder, SHARDS, state=regression_state().model_copy(update={"label": label}))
        train(folder, "s", epochs=1)
    assert len(built) == 2


def test_a_run_that_fails_or_saves_its_model_leaves_no_runner(tmp_path, built):
    write_small_store(tmp_path, SHARDS)
    job = rank_job(tmp_path, "saved", DROPOUT, {"batch_size": 16, "epochs": 1}, seed=3)
    train_rank(job.model_copy(update={"checkpoints": None}), SingleWorld())
    assert not kept_runner._last
    train(tmp_path, "good", epochs=1)
    assert len(kept_runner._last) == 1
    with pytest.raises(Exception, match="not finite"):
        train(tmp_path, "broken", epochs=1, learning_rate=1e38, optimizer={"clip_norm": None, "name": "sgd"})
    gc.collect()
    assert not kept_runner._last


def test_a_large_network_is_not_kept(tmp_path, monkeypatch):
    write_small_store(tmp_path, SHARDS)
    monkeypatch.setattr(kept_runner, "MOST_BYTES", 100)
    train(tmp_path, "large", epochs=1)
    assert not kept_runner._last
