"""What a training run says of its epochs."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from pipeline.config.train import EarlyStoppingConfig, TrainConfig
from pipeline.runtime.progress import Progress
from pipeline.runtime.terminal import Terminal
from pipeline.stages.train_log import EpochLog, log_trained
from pipeline.training.checkpoints.format import CheckpointHead
from pipeline.training.records import EpochRecord


class Steps:
    """A tracker that notes the steps of metrics."""

    def __init__(self):
        self.steps = []

    def log_metrics(self, metrics, step=None):
        self.steps.append(step)

    def set_tags(self, tags):
        """Not of interest."""


@pytest.fixture
def resources():
    stream = io.StringIO()
    return SimpleNamespace(progress=Progress(Terminal(stream)), tracker=Steps(), stream=stream)


def test_a_resumed_run_shows_no_earlier_epoch_again(resources):
    log = EpochLog(resources, epochs=9)
    log.resume(CheckpointHead(identity="", ranks=1, steps=4, epoch=1, step=4))
    for epoch in (1, 2, 3):
        log.add(EpochRecord(epoch=epoch, metrics={"loss": 0.5}, rows=10, seconds=1.0, input_seconds=0.0, best=False))
    shown = resources.stream.getvalue()
    assert "Resuming training from the end of epoch 2" in shown
    assert "Epoch 1/9" not in shown and "Epoch 3/9: loss 0.5, 10 rows/s" in shown
    assert resources.tracker.steps == [1, 2, 3]


@pytest.mark.parametrize(("epochs", "best", "is_early"), [(53, 43, True), (100, 43, False), (53, 50, False)])
def test_it_is_said_that_training_ended_early(resources, epochs, best, is_early):
    train = TrainConfig(epochs=100, early_stopping=EarlyStoppingConfig(patience=10))
    log_trained(resources, train, epochs, best)
    reason = "; training ended early, after 10 epochs without improvement (train.early_stopping)"
    assert resources.stream.getvalue().rstrip().endswith(f"epoch {best} was the best{reason if is_early else ''}")
