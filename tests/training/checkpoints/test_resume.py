"""Which interrupted training a job goes on with, and what it says where settings were changed."""

from __future__ import annotations

import json

import pytest

from pipeline.config.checkpoint import CheckpointConfig
from pipeline.config.train import TrainConfig
from pipeline.errors import ConfigError
from pipeline.networks.mlp import MlpConfig
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import checkpoints_folder, fold_checkpoints_folder
from pipeline.training.checkpoints.format import Checkpoint, CheckpointHead
from pipeline.training.checkpoints.resume import differences, open_checkpoints, open_fold_checkpoints
from pipeline.training.checkpoints.writer import list_generations, write_checkpoint
from pipeline.training.job import WITHOUT_INFLUENCE, RankJob


def job(store: str = "s1", seed: int = 1, **train: object) -> RankJob:
    return RankJob(
        root="", name="n", store_id=store, scratch="", model=MlpConfig(), train=TrainConfig(**train), seed=seed
    )


def leave(root, model_id: str, identity: str, epoch: int = 2, folder_of=checkpoints_folder) -> None:
    """A checkpoint of a training run that was interrupted."""
    head = CheckpointHead(identity=identity, ranks=1, steps=9, epoch=epoch, step=5)
    write_checkpoint(folder_of(root, "n").child(model_id), 1, Checkpoint(head, {}, {}))


def open_(root, model_id: str, told: RankJob, **config: object):
    return open_checkpoints(root, "n", model_id, config=CheckpointConfig(**config), identity=told.identity())


@pytest.mark.parametrize("allow_changes", [False, True])
def test_folds_side_by_side_resume_from_their_own_checkpoints_alone(tmp_path, allow_changes):
    root, config = storage_path(str(tmp_path)), CheckpointConfig(allow_changes=allow_changes)
    leave(root, "interrupted", job().identity())
    leave(root, "first", job().identity(), folder_of=fold_checkpoints_folder)
    assert open_fold_checkpoints(root, "n", "second", config=config)[1] is None
    anew = CheckpointConfig(resume="never")
    assert open_fold_checkpoints(root, "n", "second", config=anew)[1] is None
    folder, head = open_fold_checkpoints(root, "n", "first", config=config)
    assert (list_generations(folder), head.epoch) == ([1], 2)
    assert open_fold_checkpoints(root, "n", "first", config=anew)[1] is None
    assert open_(root, "interrupted", job())[1] is not None


def test_its_own_checkpoint_is_gone_on_from(tmp_path):
    root = storage_path(str(tmp_path))
    assert open_(root, "a", job())[1] is None
    leave(root, "a", job().identity())
    place, head = open_(root, "a", job())
    assert place.path.endswith("checkpoints/n/a")
    assert head.position() == "step 5 of 9 of epoch 3"
    assert head.model_copy(update={"step": 9}).position() == "the end of epoch 3"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (job(batch_size=64), "train.batch_size is 64, was 512"),
        (job(workers=2), "train.workers is 2, was 1"),
        (job(store="s2"), "store is s2, was s1"),
        (job(seed=2), "seed is 2, was 1"),
        (job(optimizer={"learning_rate": 0.5}), "train.optimizer.learning_rate is 0.5, was 0.001"),
    ],
)
def test_a_change_is_refused_with_the_difference_unless_it_is_allowed(tmp_path, changed, told):
    root = storage_path(str(tmp_path))
    leave(root, "a", job().identity())
    interrupted = rf"A training run was interrupted at step 5 of 9 of epoch 3, .*: {told}\. Revert the changes"
    with pytest.raises(ConfigError, match=interrupted):
        open_(root, "b", changed)
    place, head = open_(root, "b", changed, allow_changes=True)
    assert (list_generations(place), head.step) == ([1], 5)
    assert not (tmp_path / "checkpoints" / "n" / "a").exists()


def test_on_request_all_begins_anew(tmp_path):
    root = storage_path(str(tmp_path))
    leave(root, "a", job().identity())
    place, head = open_(root, "b", job(seed=2), resume="never")
    assert head is None
    assert list_generations(place) == []
    assert open_(root, "c", job(seed=3))[1] is None


def test_all_differences_are_told_the_workers_first():
    found = differences(job().identity(), job(workers=4, seed=5, early_stopping=None).identity())
    assert found[0] == "train.workers is 4, was 1"
    assert "seed is 5, was 1" in found
    assert "train.early_stopping.patience is not set, was 10" in found


def test_what_does_not_shape_weights_may_change():
    assert set(TrainConfig.model_fields) >= WITHOUT_INFLUENCE
    other = job(threads=1, cache="memory", checkpoint={"every_steps": 3}, steps_per_execution=2, max_restarts=3)
    assert differences(job().identity(), other.identity()) == []
    assert json.loads(job().identity())["train"]["epochs"] == 20
