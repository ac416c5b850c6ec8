"""Ends stopped workers: Spark cancels the task of a rank, but a process that SIGSTOP has stopped stays as it is."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from pipeline.runtime.heartbeats import Heartbeat

if TYPE_CHECKING:
    from pyspark import SparkContext

logger = logging.getLogger(__name__)


def kill_stopped(context: SparkContext, heartbeats: Iterable[Heartbeat]) -> None:
    """Kill the stopped ranks that are workers of this session on this host.

    A process number may belong to another process on this host, so a rank must descend from the session's own Java.
    """
    with suppress(Exception):  # Java may be gone, and its workers with it
        java: Any = context._jvm
        session = int(java.java.lang.ProcessHandle.current().pid())
        for heartbeat in heartbeats:
            with suppress(psutil.Error):
                _kill_if_stopped(psutil.Process(heartbeat.pid), session, heartbeat.rank)


def _kill_if_stopped(process: psutil.Process, session: int, rank: int) -> None:
    is_own = any(parent.pid == session for parent in process.parents())
    if is_own and process.status() == psutil.STATUS_STOPPED:
        process.kill()
        logger.warning("Killed the stopped process %d of rank %d.", process.pid, rank)
