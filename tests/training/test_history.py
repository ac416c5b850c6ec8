"""A training's history is kept among the files of its model, and checked when it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.model import ModelCard, PublishedModel, hashes_of, publish_model
from pipeline.training.history import HISTORY, TrainingHistory, read_history, write_history
from pipeline.training.records import EpochRecord


def record(epoch: int, *, seconds: float) -> EpochRecord:
    metrics = {"loss": 1.0 / epoch, "val_loss": 2.0 / epoch}
    return EpochRecord(epoch=epoch, metrics=metrics, rows=1000, seconds=seconds, input_seconds=0.5, best=True)


SHORT = TrainingHistory(epochs=(record(1, seconds=9.0),), best_epoch=1, workers=1)
LONG = TrainingHistory(
    epochs=(record(1, seconds=9.0), record(2, seconds=2.0), record(3, seconds=3.0)), best_epoch=3, workers=2
)


def published(folder: Path, *, history: TrainingHistory | None) -> PublishedModel:
    root = storage_path(str(folder))
    finished = root.child("finished")
    files.write_bytes(finished.child("model.keras"), b"a model")
    if history is not None:
        write_history(finished, history)
    card = ModelCard(
        name="e", model_id="m", store_id="s", run_id=None, files=hashes_of(finished), weights="w", epochs=3,
        best_epoch=3, metrics={},
    )  # fmt: skip
    return publish_model(finished, root.child("model"), card)


def test_values_are_keyed_by_metric() -> None:
    assert LONG.values == {"loss": [1.0, 0.5, 1.0 / 3.0], "val_loss": [2.0, 1.0, 2.0 / 3.0]}


def test_speed_leaves_out_the_first_epoch_which_also_compiles() -> None:
    assert LONG.rows_per_second == 2000 / 5.0
    assert LONG.input_bound_percent == pytest.approx(20.0)
    assert SHORT.rows_per_second == pytest.approx(1000 / 9.0)
    assert (LONG.seconds, SHORT.seconds) == (14.0, 9.0)


def test_history_is_read_with_its_model(tmp_path: Path) -> None:
    assert read_history(published(tmp_path, history=LONG)) == LONG


def test_model_without_a_history_has_none(tmp_path: Path) -> None:
    assert read_history(published(tmp_path, history=None)) is None


def test_altered_history_is_refused(tmp_path: Path) -> None:
    model = published(tmp_path, history=LONG)
    files.write_bytes(model.folder.child(HISTORY), SHORT.to_json().encode())
    with pytest.raises(StoreError, match=r"history\.json was altered"):
        read_history(model)
