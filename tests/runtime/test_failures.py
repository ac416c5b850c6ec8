"""The first cause of a launch's failure is told, not its consequences."""

from __future__ import annotations

import pytest

from pipeline.errors import PlatformError, StoreError, TrainError
from pipeline.runtime.failures import failures_recorded, first_cause
from pipeline.store.filesystem import open_root


class UnknownError(Exception):
    """As TensorFlow wraps what Horovod says."""


def fail(scratch, rank: int, error: Exception) -> None:
    with pytest.raises(type(error)), failures_recorded(scratch, rank):
        raise error


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_cause_comes_before_its_consequences_on_any_rank(tmp_path, order):
    scratch = open_root(str(tmp_path))
    errors = [UnknownError("Horovod has been shut down. This was caused by an exception on one of the ranks")]
    errors.append(StoreError("train/shard-3.parquet cannot be read"))
    for rank in order:
        fail(scratch, rank, errors[rank])
    cause = first_cause(scratch, RuntimeError("Job aborted"))
    assert type(cause) is StoreError
    assert str(cause) == "train/shard-3.parquet cannot be read"


def test_an_error_of_others_names_its_rank_and_keeps_its_traceback(tmp_path):
    scratch = open_root(str(tmp_path))
    fail(scratch, 1, MemoryError("no room"))
    cause = first_cause(scratch, RuntimeError())
    assert type(cause) is TrainError
    assert str(cause) == "Rank 1 failed: MemoryError: no room"
    assert "Traceback" in cause.__notes__[0]


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("Python worker exited unexpectedly (crashed)", TrainError, "it was killed, or ran out of memory"),
        (
            "ModuleNotFoundError: No module named 'pipeline'",
            TrainError,
            "could not run: ModuleNotFoundError: No module",
        ),
    ],
)
def test_without_a_record_spark_is_asked(tmp_path, said, kind, message):
    cause = first_cause(open_root(str(tmp_path)), RuntimeError(said))
    assert type(cause) is kind
    assert message in str(cause)


def test_a_lost_java_process_is_no_training_error(tmp_path):
    from py4j.protocol import Py4JNetworkError

    assert isinstance(first_cause(open_root(str(tmp_path)), Py4JNetworkError("gone")), PlatformError)
