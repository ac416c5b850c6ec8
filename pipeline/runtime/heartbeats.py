"""The heartbeats of ranks: each regularly rewrites a small file in the launch's folder, which the driver reads."""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psutil

from pipeline.runtime.activity import FINISHED, ActivityCount, activity_scope
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.documents import read_documents
from pipeline.store.filesystem import StoragePath

HEARTBEATS = "beats"
NEAR_SECONDS, FAR_SECONDS = 0.5, 5.0
"""Between two heartbeats: in a local folder, and in a remote one."""
EXECUTING = ("tensorflow/python/eager/execute.py", "tensorflow/python/eager/context.py")
"""Files of TensorFlow where Python waits for steps, and so for the collectives in them."""
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})

logger = logging.getLogger(__name__)


class Heartbeat(Document):
    """The state of a rank.

    Attributes:
        rank: the rank.
        partition: its partition of Spark's stage.
        host: its host.
        pid: its process on that host.
        number: grows with every heartbeat.
        activity: its current activity, see `activity`.
        begun: the number of activities that it has begun.
        where: its line of code, outside of libraries, e.g. `rank.py:118 in _epoch`.
        executing: whether it waits for TensorFlow, and so perhaps for other ranks.
        memory: resident bytes.
        cpu_seconds: processor time of all its threads so far.
        seconds: time since the launch, by its own clock.
    """

    rank: int
    partition: int
    host: str
    pid: int
    number: int
    activity: str
    begun: int
    where: str
    executing: bool
    memory: int
    cpu_seconds: float
    seconds: float


@contextmanager
def sending_heartbeats(launch: StoragePath, rank: int, partition: int, host: str) -> Iterator[None]:
    """Send heartbeats about this thread's work from another thread, until the block ends; the last one says so."""
    activities, over, thread = ActivityCount(), threading.Event(), threading.get_ident()
    started, process = time.monotonic(), psutil.Process()
    file = launch.child(HEARTBEATS, f"{rank:06d}.json")
    number = 0

    def write_heartbeat() -> None:
        nonlocal number
        number += 1
        times, frame = process.cpu_times(), sys._current_frames().get(thread)
        content = Heartbeat(
            rank=rank,
            partition=partition,
            host=host,
            pid=os.getpid(),
            number=number,
            activity=activities.activity,
            begun=activities.begun,
            where=_where(frame),
            executing=frame is not None and frame.f_code.co_filename.endswith(EXECUTING),
            memory=process.memory_info().rss,
            cpu_seconds=times.user + times.system,
            seconds=time.monotonic() - started,
        )
        try:
            files.write_atomically(file, content.to_json().encode())
        except OSError as error:  # the next one may succeed; the driver notices if none does
            logger.debug("Heartbeat %d of rank %d was lost: %s", number, rank, error)

    def follow() -> None:
        while not over.wait(NEAR_SECONDS if launch.is_local else FAR_SECONDS):
            write_heartbeat()

    write_heartbeat()
    follower = threading.Thread(target=follow, name="heartbeats", daemon=True)
    follower.start()
    try:
        with activity_scope(activities):
            yield
    finally:
        # Joined before the rank continues: a later heartbeat could write into a folder that is being removed.
        over.set()
        follower.join()
    activities.begin(FINISHED)
    write_heartbeat()


def read_heartbeats(launch: StoragePath) -> dict[int, Heartbeat]:
    """The latest heartbeat of every rank that has started."""
    return {heartbeat.rank: heartbeat for heartbeat in read_documents(launch.child(HEARTBEATS), Heartbeat)}


def _where(frame: FrameType | None) -> str:
    """The innermost line of code outside of libraries."""
    innermost = frame
    while frame is not None and frame.f_code.co_filename.startswith((*LIBRARIES, "<")):
        frame = frame.f_back
    shown = frame or innermost
    if shown is None:
        return ""
    return f"{os.path.basename(shown.f_code.co_filename)}:{shown.f_lineno} in {shown.f_code.co_name}"
