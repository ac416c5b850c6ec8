"""Follows a training run from the driver: hands each epoch's record over once, in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.errors import StoreError
from pipeline.store.filesystem import StoragePath
from pipeline.training.records import EpochRecord, read_epoch

POLL_SECONDS = 0.25

logger = logging.getLogger(__name__)


class EpochFollower:
    """Collects the records of the epochs in order."""

    def __init__(self, scratch: StoragePath, on_epoch: Callable[[EpochRecord], None]) -> None:
        """`on_epoch` is called from another thread while the training runs."""
        self._scratch, self._on_epoch = scratch, on_epoch
        self.history: list[EpochRecord] = []

    def catch_up(self) -> None:
        """Hand over all new records. An error in reporting an epoch is logged: it must not end the training run."""
        while (record := self._next()) is not None:
            self.history.append(record)
            try:
                self._on_epoch(record)
            except Exception:
                logger.exception("Epoch %d could not be reported", record.epoch)

    def _next(self) -> EpochRecord | None:
        try:
            return read_epoch(self._scratch, len(self.history) + 1)
        except (OSError, StoreError) as error:
            logger.warning("The record of epoch %d cannot be read yet: %s", len(self.history) + 1, error)
            return None


@contextmanager
def follow_epochs(scratch: StoragePath, on_epoch: Callable[[EpochRecord], None]) -> Iterator[EpochFollower]:
    """Follow in a thread of its own until the block ends; the last records are handed over then."""
    follower, over = EpochFollower(scratch, on_epoch), threading.Event()

    def follow() -> None:
        while not over.wait(POLL_SECONDS):
            follower.catch_up()

    thread = threading.Thread(target=follow, name="follow-epochs", daemon=True)
    thread.start()
    try:
        yield follower
    finally:
        # The last look comes after the thread has ended: two at once would hand an epoch over twice.
        over.set()
        thread.join()
        follower.catch_up()
