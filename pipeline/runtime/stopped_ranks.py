"""Ends stopped workers: Spark kills the worker of a cancelled task only later, and a job may have ended before that."""

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
                kill_if_stopped(psutil.Process(heartbeat.pid), session, heartbeat.rank)


def kill_if_stopped(process: psutil.Process, session: int, rank: int) -> None:
    """Kill the process of a rank if it is stopped and descends from the session's process."""
    is_own = any(parent.pid == session for parent in process.parents())
    if is_own and process.status() == psutil.STATUS_STOPPED:
        process.kill()
        logger.warning("Killed the stopped process %d of rank %d.", process.pid, rank)
