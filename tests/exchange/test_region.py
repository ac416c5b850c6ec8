"""Who may join the memory of a launch, and what is said to the others."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from pipeline.exchange.build import build_library
from pipeline.exchange.failure import ExchangeUnavailableError
from pipeline.exchange.region import Region, create_region, open_region

NOBODY = 65_534


@pytest.fixture
def region() -> Iterator[Region]:
    """The memory of a world of two, whose rank 0 is this process."""
    build_library()
    region, membership = create_region(2, 5.0)
    yield region
    membership.leave()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_another_user_is_refused(region):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing but the end of this process may follow: it is a copy of the whole test run.
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            open_region(region, 1, 2, 5.0)
            os.write(writing, b"joined")
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        assert answer.read() == f"ExchangeUnavailableError: memory of process {region.process}: Permission denied"


def test_a_process_of_that_number_in_another_container_is_not_the_one(region):
    with pytest.raises(ExchangeUnavailableError, match=f"process {region.process} is another one here"):
        open_region(region.model_copy(update={"name": "pipeline-other"}), 1, 2, 5.0)
    with pytest.raises(ExchangeUnavailableError, match="No such file or directory"):
        open_region(region.model_copy(update={"descriptor": 9_999}), 1, 2, 5.0)


@pytest.mark.parametrize(
    ("function", "code", "message"),
    [
        ("memfd_create", errno.ENOSYS, "the system makes no file in memory: Function not implemented"),
        ("posix_fallocate", errno.ENOSPC, r"\d+ bytes of shared memory are not there: No space left on device"),
    ],
)
def test_without_memory_to_share_the_cause_is_given(monkeypatch, function, code, message):
    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    build_library()
    monkeypatch.setattr(os, function, fail)
    with pytest.raises(ExchangeUnavailableError, match=message):
        create_region(2, 5.0)
