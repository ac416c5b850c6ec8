"""The null tracker takes everything; the in-memory one keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.run import TrackConfig
from pipeline.store.filesystem import storage_path
from pipeline.tracking.mlflow_store import reason_of
from pipeline.tracking.open_tracker import open_tracker
from pipeline.tracking.tracker import MemoryTracker, NullTracker, Tracker
from tests.support.stores import regression_state


@pytest.mark.parametrize("tracker", [NullTracker(), MemoryTracker()])
def test_every_call_is_taken(tracker: Tracker, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    tracker.log_params({"model.hidden": "64-64", "train.threads": None})
    tracker.set_tags({"stage": "train"})
    tracker.describe("**good**")
    tracker.log_metrics({"train/loss": 0.5}, step=1)
    tracker.log_text("name: a", "config.yaml")
    tracker.log_figure(Figure(), "plots/a.png")
    tracker.log_picture(b"PNG", "plots/b.png")
    tracker.log_model(storage_path(str(tmp_path)).child("model.keras"), regression_state())


def test_memory_keeps_metrics_by_step() -> None:
    tracker = MemoryTracker()
    tracker.log_metrics({"train/loss": 0.5}, step=1)
    tracker.log_metrics({"train/loss": 0.25}, step=2)
    tracker.log_metrics({"test/mae": 3.0})
    assert tracker.metrics == {("train/loss", 1): 0.5, ("train/loss", 2): 0.25, ("test/mae", 0): 3.0}


def test_disabled_tracking_records_nothing(tmp_path: Path) -> None:
    config = TrackConfig(enabled=False)
    root = storage_path(str(tmp_path))
    with open_tracker(config, root=root, experiment="e", run_name="r", stage="train") as tracker:
        assert tracker.run_id is None
    assert list(tmp_path.iterdir()) == []


def test_an_error_without_a_message_is_named_by_its_class() -> None:
    assert reason_of(NotImplementedError()) == "NotImplementedError"
    assert reason_of(ValueError("one\n  two")) == "one two"
