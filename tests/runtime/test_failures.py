"""The first cause of a launch's failure is told, not its consequences."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest

from pipeline.errors import PlatformError, StoreError, TrainError
from pipeline.runtime.activity import JOINS, report_activity
from pipeline.runtime.failures import RankLost, failures_recorded, first_cause
from pipeline.runtime.heartbeats import read_heartbeats, sending_heartbeats
from pipeline.store.filesystem import storage_path


class UnknownError(Exception):
    """As TensorFlow wraps what Horovod says."""


def fail(scratch, rank: int, error: Exception) -> None:
    with pytest.raises(type(error)), failures_recorded(scratch, rank):
        raise error


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_cause_comes_before_its_consequences_on_any_rank(tmp_path, order):
    scratch = storage_path(str(tmp_path))
    errors = [UnknownError("Horovod has been shut down. This was caused by an exception on one of the ranks")]
    errors.append(StoreError("train/shard-3.parquet cannot be read"))
    for rank in order:
        fail(scratch, rank, errors[rank])
    cause = first_cause(scratch, RuntimeError("Job aborted"), 2)
    assert type(cause) is StoreError
    assert str(cause) == "train/shard-3.parquet cannot be read"


def test_an_error_of_others_names_its_rank_and_keeps_its_traceback(tmp_path):
    scratch = storage_path(str(tmp_path))
    fail(scratch, 1, KeyError("no such layer"))
    cause = first_cause(scratch, RuntimeError(), 2)
    assert type(cause) is TrainError
    assert str(cause) == "Rank 1 failed: KeyError: 'no such layer'"
    assert "Traceback" in cause.__notes__[0]


@pytest.mark.parametrize("said", [MemoryError("no room"), UnknownError("OOM when allocating tensor of shape [9,9]")])
def test_a_rank_out_of_memory_is_named_with_a_hint(tmp_path, said):
    scratch = storage_path(str(tmp_path))
    fail(scratch, 3, said)
    fail(scratch, 1, UnknownError("Horovod has been shut down"))
    cause = str(first_cause(scratch, RuntimeError(), 4))
    assert cause.startswith(f"Rank 3 ran out of memory: {type(said).__name__}: {said}. Give the workers more memory")


def test_the_rank_without_a_record_is_the_one_that_was_killed(tmp_path):
    scratch = storage_path(str(tmp_path))
    for rank in range(3):
        with sending_heartbeats(scratch, rank, 2 - rank, f"host-{rank}"):
            pass
    for rank in (0, 2):
        fail(scratch, rank, UnknownError("Horovod has been shut down"))
    cause = first_cause(scratch, RuntimeError("Job aborted"), 3)
    assert type(cause) is RankLost
    assert str(cause).startswith(
        f"Rank 1 on host-1 (process {os.getpid()}) died without an error: it was killed, or ran"
    )


@pytest.mark.parametrize(("activity", "stranger"), [(JOINS, True), ("trains", False)])
def test_of_a_rank_that_dies_while_it_joins_a_stranger_is_suspected_too(tmp_path, monkeypatch, activity, stranger):
    monkeypatch.setattr("pipeline.runtime.heartbeats.NEAR_SECONDS", 0.01)
    scratch = storage_path(str(tmp_path))
    with suppress(KeyboardInterrupt), sending_heartbeats(scratch, 1, 1, "host-1"):
        report_activity(activity)
        while read_heartbeats(scratch)[1].activity != activity:
            pass
        raise KeyboardInterrupt  # it sends no heartbeat that says that it has finished
    fail(scratch, 0, UnknownError("Horovod has been shut down"))
    cause = str(first_cause(scratch, RuntimeError("Job aborted"), 2))
    assert cause.startswith(f"Rank 1 on host-1 (process {os.getpid()}) died without an error: it was killed, or ran")
    assert ("a connection from outside the job to its port, such as a port scanner's" in cause) is stranger


def test_of_several_silent_ranks_it_is_the_one_whose_task_spark_names(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.runtime.failures.SETTLE_SECONDS", 0.0)
    scratch = storage_path(str(tmp_path))
    for rank in range(3):
        with sending_heartbeats(scratch, rank, 2 - rank, "host"):
            pass
    said = "barrier task ResultTask(7, 0) finished unsuccessfully. Python worker exited unexpectedly (crashed)"
    assert str(first_cause(scratch, RuntimeError(said), 3)).startswith("Rank 2 on host (")


def test_ranks_that_all_lost_each_other_are_not_called_killed(tmp_path):
    scratch = storage_path(str(tmp_path))
    for rank in range(2):
        fail(scratch, rank, UnknownError("Horovod: connection closed by peer"))
    cause = first_cause(scratch, RuntimeError(), 2)
    assert type(cause) is RankLost
    assert str(cause) == "The ranks lost contact with each other: Horovod: connection closed by peer"


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("Python worker exited unexpectedly (crashed)", RankLost, "it was killed, or ran out of memory"),
        (
            "ModuleNotFoundError: No module named 'pipeline'",
            TrainError,
            "could not run: ModuleNotFoundError: No module",
        ),
    ],
)
def test_without_a_record_spark_is_asked(tmp_path, said, kind, message):
    cause = first_cause(storage_path(str(tmp_path)), RuntimeError(said), 1)
    assert type(cause) is kind
    assert message in str(cause)


def test_a_lost_java_process_is_no_training_error(tmp_path):
    from py4j.protocol import Py4JNetworkError

    assert isinstance(first_cause(storage_path(str(tmp_path)), Py4JNetworkError("gone"), 2), PlatformError)
