"""Functions for ranks to run in tests of launching."""

from __future__ import annotations

import os
import signal
import time

from pipeline.runtime.rank_info import RankInfo


def tell(payload: str, info: RankInfo) -> str:
    """Say who one is."""
    return f"{payload} from {info.rank} of {info.size}"


def die_on_rank_1(payload: str, info: RankInfo) -> str:
    """Rank 1 is killed; rank 0 waits for it, as it would in an allreduce."""
    if info.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(120)
    return ""
