"""Where Petastorm is used: its reader, thread pool and workers, which run our read tasks.

What is Petastorm's: the `Reader` that is iterated, its thread pool, and the protocol of ventilator and worker. What is
ours, and why:

- The worker. Petastorm's own puts every row group into a namedtuple, which refuses columns whose names are no Python
  names (`hours-per-week`), and copies it once more on the way.
- The ventilator. Petastorm's orders row groups by one seed for a reader that lasts an epoch; ours takes them from the
  plan, epoch after epoch, so that one reader serves a training run and the next epoch is read ahead.
- The waiting. Petastorm's pool waits for ever for a thread that died, takes row groups that are being ventilated for
  done, and polls a full queue a thousand times a second. Ours holds threads back by a `ReadAheadLimit`, and gives up
  on a thread that died or stalled.

Petastorm's `Reader.__init__` is not called. It opens a dataset to learn its schema, through classes that pyarrow has
dropped and file systems of fsspec; our worker knows the schema from the store's contract, and reads by pyarrow's own
file systems. Its process pool is not used: it polls for ever when a child dies, and pickles over sockets.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pipeline.errors import PlatformError
from pipeline.feed.compatibility import (
    Reader,
    ThreadPool,
    VentilatedItemProcessedMessage,
    Ventilator,
    WorkerBase,
    WorkerTerminationRequested,
)
from pipeline.feed.memory import ROW_SLICES_AHEAD, Resources
from pipeline.feed.order import ReadTask
from pipeline.feed.reader_state import ReadRows, SharedReaderState

logger = logging.getLogger(__name__)

TASKS_AHEAD = ROW_SLICES_AHEAD + 16
"""Tasks that reading threads know of: more than the limit lets pass, since a thread without a next one would poll."""
LOOK_SECONDS = 0.5
"""How often a waiting feed looks whether its threads live."""
JOIN_SECONDS = 10.0
"""How long an ending feed waits for a thread that is reading; it is a daemon, and ends with the process."""
UNBOUNDED = 1 << 30
"""Size of queues, which the limit keeps short."""


class PetastormReader(Reader):  # type: ignore[misc]
    """Petastorm's reader, whose ventilator follows our tasks."""

    def __init__(
        self, tasks: Iterator[ReadTask], state: SharedReaderState, resources: Resources, closed: threading.Event
    ) -> None:
        """Starts the threads, which read the first tasks at once."""
        # What iterating, stopping and joining need of the attributes that `Reader.__init__` would set.
        self.schema = self.ngram = None
        self.stopped = self.last_row_consumed = False
        self._results_queue_reader = _Results()
        self._workers_pool = _Pool(resources.reader_threads, resources.stall_seconds, state, closed)
        self.ventilator = _Ventilator(self._workers_pool.ventilate, tasks)
        self._workers_pool.start(worker_class(state), None, ventilator=self.ventilator)


class _Ventilator(Ventilator):  # type: ignore[misc]
    """Hands out tasks as earlier ones finish, on the thread that takes results."""

    def __init__(self, ventilate: Any, tasks: Iterator[ReadTask]) -> None:
        super().__init__(ventilate)
        self._numbered = enumerate(tasks)
        self.given: list[ReadTask] = []
        self.ended = False

    def start(self) -> None:
        self._hand_out(TASKS_AHEAD)

    def processed_item(self) -> None:
        self.given.pop(0)
        self._hand_out(1)

    def completed(self) -> bool:
        return self.ended

    def stop(self) -> None:
        self.ended = True

    def _hand_out(self, count: int) -> None:
        handed = 0
        for number, task in islice(self._numbered, count):
            self.given.append(task)
            self._ventilate_fn(number=number, task=task)
            handed += 1
        self.ended = self.ended or handed < count


class _Pool(ThreadPool):  # type: ignore[misc]
    """Petastorm's thread pool, which gives up on a thread that died or stalled."""

    def __init__(self, threads: int, stall_seconds: float, state: SharedReaderState, closed: threading.Event) -> None:
        super().__init__(threads, UNBOUNDED)
        self._get_results_worker_id: int = 0
        self._stall_seconds, self._state, self._closed, self._served = stall_seconds, state, closed, 0

    def get_results(self) -> Any:
        """The next result in the order of tasks: threads take tasks in turn, so it comes from the next thread."""
        if not self._ventilator.given:
            raise StopIteration
        self._state.limit.want(self._served)
        since, pieces = time.monotonic(), self._state.files.pieces
        while True:
            thread = self._get_results_worker_id
            try:
                result = self._results_queues[thread].get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if pieces != self._state.files.pieces:
                    # Verifying a large file as a whole delivers nothing for minutes, but is no stall.
                    since, pieces = time.monotonic(), self._state.files.pieces
                self._check_thread(thread, time.monotonic() - since)
                continue
            if self._closed.is_set():
                raise StopIteration
            if not isinstance(result, VentilatedItemProcessedMessage):
                self._next_thread()
                return result

    def _next_thread(self) -> None:
        """Go on to the next thread. This one's message that its task is processed is still in its queue, and comes
        before its next result."""
        self._get_results_worker_id = (self._get_results_worker_id + 1) % self.workers_count
        self._served += 1
        self._ventilator.processed_item()

    def _check_thread(self, thread: int, waited: float) -> None:
        if self._closed.is_set():
            raise StopIteration
        row_slice = self._ventilator.given[0].row_slice
        row_group = f"row group {row_slice.row_group} of {row_slice.file.path}"
        who = f"Reading thread {thread + 1} of {self.workers_count}"
        if not self._workers[thread].is_alive():
            raise PlatformError(f"{who} died while it read {row_group}. Start the job again.")
        if waited > self._stall_seconds:
            raise PlatformError(
                f"{who} has not delivered {row_group} within {self._stall_seconds:.0f} s. Check the storage, "
                "and start the job again."
            )

    def stop(self) -> None:
        super().stop()
        for results in self._results_queues:
            results.put(None)  # wakes a thread that waits in `get_results`

    def join(self) -> None:
        """Wait for the threads, but not for ever: one may hang in a read that never returns."""
        deadline = time.monotonic() + JOIN_SECONDS
        for worker in self._workers:
            worker.join(max(deadline - time.monotonic(), 0.0))
        left = sum(worker.is_alive() for worker in self._workers)
        if left:
            logger.warning(
                "%d of %d reading threads still wait for the storage; they are abandoned.", left, self.workers_count
            )


def worker_class(state: SharedReaderState) -> type[WorkerBase]:
    """A Petastorm worker that reads tasks."""

    class TaskWorker(WorkerBase):  # type: ignore[misc]
        def process(self, number: int, task: ReadTask) -> None:
            result: ReadRows | Exception
            try:
                result = state.read(number, task)
            except WorkerTerminationRequested:
                raise
            except Exception as error:
                result = error  # published, `RowSliceReader.next` raises it; raised here, it would only be printed
            self.publish_func(result)

    return TaskWorker


class _Results:
    """Passes on what the workers publish."""

    batched_output = True

    def read_next(self, workers_pool: ThreadPool, schema: Any, ngram: Any) -> ReadRows | Exception:
        """The next result, with no namedtuple around it."""
        result: ReadRows | Exception = workers_pool.get_results()
        return result
