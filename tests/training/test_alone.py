"""Two jobs do not train one experiment at the same time: they would share checkpoints and the model."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from pipeline.config.load import parse_config
from pipeline.errors import ConfigError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.lock import exclusive
from pipeline.training.run import TrainingHooks, run_training
from pipeline.training.spec import TrainingSpec

SPEC = TrainingSpec.of(
    parse_config({"name": "twice", "data": {"source": {"sample": "iris"}, "label": "species"}}), "store"
)


class Reached(Exception):
    """The training run begins."""


def begin(root, spec) -> None:
    def stoppable(_):
        raise Reached

    with run_training(None, root, spec, TrainingHooks(stoppable=stoppable)):  # type: ignore[arg-type]
        pass


@pytest.fixture
def spark_free(monkeypatch):
    """Without a session: nothing is cancelled."""
    from contextlib import nullcontext

    monkeypatch.setattr("pipeline.training.run.cancelling", lambda _: nullcontext())


@pytest.mark.usefixtures("spark_free")
def test_the_second_job_is_refused_with_the_first_ones_process(tmp_path):
    root = storage_path(str(tmp_path))
    with exclusive(root.child("checkpoints", "twice.lock"), "", ""):
        message = rf"Another job is training 'twice' under {tmp_path}: process \d+ on .*set another name, or another"
        with pytest.raises(ConfigError, match=message):
            begin(root, SPEC)
        with pytest.raises(Reached):  # side by side with it, folds and trials train
            begin(root, replace(SPEC, is_fold=True))
        with pytest.raises(Reached):
            begin(root, replace(SPEC, saves=False, train=SPEC.train.model_copy(update={"checkpoint": None})))
    with pytest.raises(Reached):
        begin(root, SPEC)
    assert not [name for name in files.list_files(root) if name.endswith(".lock")]


@pytest.mark.usefixtures("spark_free")
def test_the_same_fold_of_two_jobs_is_refused(tmp_path):
    root, refused = storage_path(str(tmp_path)), []
    fold = replace(SPEC, is_fold=True)

    def stoppable(_):
        try:
            begin(root, fold)
        except ConfigError as error:
            refused.append(str(error))
        raise Reached

    with suppress(Reached), run_training(None, root, fold, TrainingHooks(stoppable=stoppable)):  # type: ignore[arg-type]
        pass
    assert len(refused) == 1
