"""Watches the heartbeats of the ranks of a launch from the driver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from pipeline.errors import PipelineError
from pipeline.runtime.heartbeats import Heartbeat, read_heartbeats
from pipeline.runtime.stall_detector import StallDetector
from pipeline.store.filesystem import StoragePath

WATCH_SECONDS = 0.5


class RankWatch:
    """Checks heartbeats in a thread of its own; `failure` may be read once the block of `until_failure` has ended."""

    def __init__(
        self,
        launch: StoragePath,
        detector: StallDetector,
        on_heartbeats: Callable[[Mapping[int, Heartbeat]], None] | None,
    ) -> None:
        """`launch` is the launch's folder; `on_heartbeats` gets the latest heartbeats of all ranks."""
        self._launch, self._detector, self._on_heartbeats = launch, detector, on_heartbeats
        self.failure: PipelineError | None = None

    @contextmanager
    def until_failure(self, act: Callable[[], None]) -> Iterator[None]:
        """Watch while the block runs, and call `act` at the first failure.

        The thread is joined at the end of the block, so that `failure` is final and no heartbeat is read from a folder
        that is being removed.
        """
        over = threading.Event()

        def follow() -> None:
            while self.failure is None and not over.wait(WATCH_SECONDS):
                with suppress(OSError):  # storage that does not answer now may answer next time
                    self._check()
            if self.failure is not None:
                with suppress(Exception):  # Java may be gone; the block ends then as well
                    act()

        thread = threading.Thread(target=follow, name="watch-ranks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _check(self) -> None:
        heartbeats = read_heartbeats(self._launch)
        if self._on_heartbeats is not None and heartbeats:
            self._on_heartbeats(heartbeats)
        self.failure = self._detector.failure(heartbeats)
