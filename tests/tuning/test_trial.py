"""What a trial trains, and why it is stopped early."""

from __future__ import annotations

import threading

from pipeline.config.load import parse_config
from pipeline.training.spec import TrainingSpec
from pipeline.tuning.parallel import Stopper
from pipeline.tuning.trial import EarlyStop, trial_spec

CONTENT = {
    "name": "test",
    "data": {"source": {"sample": "iris"}, "label": "species"},
    "train": {"workers": 1, "tensorboard": True},
    "search": {"workers_per_trial": 2},
    "evaluate": {"calibration": "temperature"},
    "export": {"formats": ["saved_model"]},
}


def test_the_first_reason_to_stop_a_trial_counts():
    requests: list[str] = []
    early = EarlyStop(None, Stopper())
    with early.watching(lambda: requests.append("stop")):
        early.stop("pruned")
        early.stop("late")

    assert (early.reason, requests) == ("pruned", ["stop", "stop"])


def test_a_trial_that_takes_too_long_is_stopped_and_says_so():
    stopped = threading.Event()
    early = EarlyStop(0.01, Stopper())
    with early.watching(stopped.set):
        assert stopped.wait(10.0)

    assert (early.reason, early.cause) == ("late", "search.trial_timeout, 0.01 seconds")


def test_a_trial_is_stopped_with_the_whole_job():
    stopper, stopped = Stopper(), threading.Event()
    early = EarlyStop(60.0, stopper)
    with early.watching(stopped.set):
        stopper.stop()

    assert stopped.is_set()
    assert (early.reason, early.cause) == (None, "the end of the job")


def test_a_trial_leaves_nothing_but_its_history():
    config = parse_config(CONTENT)
    whole, trial = TrainingSpec.of(config, "store"), trial_spec(config, "store")

    assert (whole.train.workers, whole.train.tensorboard, whole.formats, whole.saves) == (
        1,
        True,
        ("saved_model",),
        True,
    )
    assert whole.train.checkpoint is not None and whole.decision_config.needs_rows
    assert (trial.train.workers, trial.train.tensorboard, trial.formats, trial.saves) == (2, False, (), False)
    assert trial.train.checkpoint is None and not trial.decision_config.needs_rows
    assert (trial.model, trial.seed, trial.store_id) == (whole.model, whole.seed, "store")
