"""What ranks do in tests of faults: real collectives in a real Horovod world, until something goes wrong on rank 1.

The payload names the fault.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, NoReturn

from pipeline.errors import ConfigError
from pipeline.runtime.activity import JOINS, report_activity
from pipeline.runtime.failures import failures_recorded
from pipeline.runtime.rank_info import RankInfo
from pipeline.schemas.decision import DecisionRule
from pipeline.store.filesystem import storage_path

STEPS_BEFORE = 20


def train(payload: str, info: RankInfo) -> str:
    """Steps with an allreduce each; rank 1 meets the fault after some."""
    from pipeline.training.entry import join_world

    with join_world(info, 60.0) as world, failures_recorded(storage_path(info.launch), info.rank):
        import tensorflow as tf

        step = tf.function(lambda x: world.sum([x], "x")[0])
        total, fault = float(step(tf.ones(3)).numpy()[0]), "" if info.rank == 0 else payload
        for number in range(STEPS_BEFORE if payload == "none" else 1 << 30):
            if number == STEPS_BEFORE:
                FAULTS[fault]()
            report_activity("trains")
            total += float(step(tf.ones(3)).numpy()[0])
        return f"{total:g} as {os.getpid()}"


def raise_ours() -> NoReturn:
    raise ConfigError("train.loss does not fit.")


def raise_foreign() -> NoReturn:
    raise KeyError("no such layer")


def run_out_of_memory() -> None:
    import numpy as np

    np.ones(1 << 50, np.uint8)


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def get_stuck() -> None:
    while True:
        time.sleep(0.05)


def starve() -> None:
    import queue

    report_activity("waits for rows")
    queue.Queue[int]().get()


FAULTS = {
    "": lambda: None,
    "raise_ours": raise_ours,
    "raise_foreign": raise_foreign,
    "memory": run_out_of_memory,
    "stop": stop,
    "die": die,
    "stuck": get_stuck,
    "starve": starve,
}


def never_come(payload: str, info: RankInfo) -> str:
    """Rank 0 is ready to join the others, and rank 1 does not get so far."""
    if info.rank == 0:
        report_activity(JOINS, counts=False)
    time.sleep(1000)
    return ""


def tell(payload: str, info: RankInfo) -> str:
    """The process that runs it."""
    return str(os.getpid())


def meet(payload: str, info: RankInfo) -> str:
    """Wait until the ranks of two launches are there."""
    folder, number = payload.split()
    (Path(folder) / f"met-{number}-{info.rank}").touch()
    end = time.monotonic() + 100
    while len(list(Path(folder).glob("met-*"))) < 4:
        if time.monotonic() > end:
            raise TimeoutError("the other launch did not come")
        time.sleep(0.05)
    return f"{number}: rank {info.rank}"


def hold(payload: str, info: RankInfo) -> str:
    """Hold some megabytes for as long as the process lives."""
    HELD.append(bytearray(int(payload) << 20))
    return str(os.getpid())


HELD: list[bytearray] = []


def fail_once_after_scoring(payload: str, network: Any, decision: DecisionRule, rank: int, ranks: int) -> None:
    """Score as ranks do after training; in the first launch, rank 1 meets the fault in the file `fault` after that."""
    from pipeline.evaluation.predict_job import PredictJob
    from pipeline.evaluation.predict_rank import follow_training

    follow_training(payload, network, decision, rank, ranks)
    file = Path(PredictJob.from_json(payload, "the job").scratch, "fault")
    if rank == 1 and (fault := file.read_text()):
        file.write_text("")
        FAULTS[fault]()
