"""Writes checkpoints beside the training: rank 0 copies its arrays, and a thread does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from pipeline.store.filesystem import StoragePath
from pipeline.training.checkpoint import Checkpoint, write_checkpoint


class Saver:
    """Writes one checkpoint at a time, in order."""

    def __init__(self, place: StoragePath, generation: int, executor: ThreadPoolExecutor) -> None:
        """`generation` is the latest one in `place`, 0 where there is none."""
        self._place, self._generation, self._executor = place, generation, executor
        self._written: Future[None] | None = None

    def save(self, checkpoint: Checkpoint) -> None:
        """Begin to write; waits for the one before, whose failure is raised here."""
        self.finish()
        self._generation += 1
        self._written = self._executor.submit(write_checkpoint, self._place, self._generation, checkpoint)

    def finish(self) -> None:
        """Wait until what was begun is written.

        Raises:
            StoreError: it could not be.
        """
        if self._written is not None:
            self._written.result()


@contextmanager
def open_saver(place: StoragePath | None, generation: int) -> Iterator[Saver | None]:
    """A saver for the length of a block; what was begun is written when it ends, however it ends.

    Args:
        place: a folder; None keeps nothing.
        generation: the latest one there.
    """
    if place is None:
        yield None
        return
    with ThreadPoolExecutor(1, thread_name_prefix="checkpoint") as executor:
        saver = Saver(place, generation, executor)
        yield saver
        saver.finish()
