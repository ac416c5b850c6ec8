"""A disk without room: the file is named, and the remedy is room, whoever writes."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pyspark.errors import PySparkException

from pipeline.cli import _explained
from pipeline.errors import PlatformError
from pipeline.runtime.failures import failures_recorded, first_cause
from pipeline.runtime.ranks import run_ranks
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.store.filesystem import StoragePath, storage_path, write_bytes
from pipeline.store.large_files import write_durably
from pipeline.training.records import EpochRecord, write_epoch

RECORD = EpochRecord(
    epoch=3, metrics={f"metric {n}": 0.5 for n in range(99)}, rows=1, seconds=1, input_seconds=0, best=True
)
NAMED = r"There is no room on the disk: .*File too large.*{}.*Make room there, or take another storage\.root; then run"


@contextmanager
def full() -> Iterator[None]:
    """No file of this process becomes larger than 100 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def report_epoch(payload: str, info: object) -> str:
    """Work of a rank: report an epoch."""
    with full():
        write_epoch(storage_path(payload), RECORD)
    return ""


@pytest.fixture
def folder(tmp_path) -> StoragePath:
    return storage_path(str(tmp_path))


@pytest.mark.parametrize("write", [write_bytes, lambda file, content: write_durably(file, [content])])
def test_whatever_is_written_is_named_and_no_half_of_it_stays(folder, tmp_path, write):
    with full(), pytest.raises(OSError, match=rf"File too large.*{tmp_path}/large") as caught:
        write(folder.child("large"), bytes(1000))
    explained = _explained(caught.value)
    assert isinstance(explained, PlatformError) and "--debug" not in str(explained)


def test_a_rank_of_this_process_names_the_record_of_its_epoch(folder, tmp_path):
    with pytest.raises(PlatformError, match=NAMED.format(f"{tmp_path}/epochs/000003.json")):
        run_ranks(None, 1, f"{__name__}:report_epoch", payload=folder.uri, scratch=folder)
    assert not [*(tmp_path / "epochs").iterdir()]


def test_a_rank_on_spark_records_it(folder, tmp_path):
    with pytest.raises(OSError, match="File too large"), failures_recorded(folder, 0):
        report_epoch(folder.uri, None)
    cause = first_cause(folder, RuntimeError("Spark's"), 1)
    assert isinstance(cause, PlatformError)
    assert f"{tmp_path}/epochs/000003.json" in str(cause)


def test_a_rank_that_cannot_even_record_it_fails_by_its_cause(folder):
    with pytest.raises(OSError, match=r"000003\.json"), full(), failures_recorded(folder, 0):
        write_epoch(folder, RECORD)


def test_metrics_for_tensorboard_are_named_too(folder, tmp_path):
    from pipeline.training.tensorboard import open_board

    refusal = pytest.raises(OSError, match="Metrics for TensorBoard cannot be written")
    with open_board(folder.child("board").uri) as board, full(), refusal as caught:
        board.write(RECORD)
    explained = _explained(caught.value)
    assert isinstance(explained, PlatformError)
    assert f"{tmp_path}/board/train/events.out.tfevents." in str(explained)


def test_sparks_own_files_are_no_other_case():
    text = "Job aborted due to stage failure: Task 0\njava.io.IOException: No space left on device\n\tat java.base"
    explained = explain_spark_error(PySparkException(text))
    assert isinstance(explained, PlatformError)
    assert "There is no room on the disk: java.io.IOException: No space left on device. Make room" in str(explained)
