"""A training run that is killed again and again, on real ranks, without Spark.

At each of some random moments a random rank is killed by SIGKILL; then the same job is started again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import time
import traceback
from pathlib import Path

from pipeline.training.checkpoints.writer import list_generations
from pipeline.training.job import RankJob
from pipeline.training.rank import train_rank
from tests.support.worlds import join

RANKS = 2
DEADLINE_SECONDS = 60.0


def live_on(told: str, kills: str, seed: str, out: str) -> None:
    """All lives of a training run, in forks of this process, which has imported TensorFlow and never used it.

    Writes to a JSON file what rank 0 returned at last, and how many seconds each survivor took to end.

    Args:
        told: the JSON of a RankJob.
        kills: how often a rank is killed.
        seed: of the random moments.
        out: the file.
    """
    job, chance = RankJob.from_json(told, "the job"), random.Random(int(seed))
    survivors = []
    while len(survivors) < int(kills):
        with tempfile.TemporaryDirectory() as folder:
            ranks = begin(job, Path(folder))
            await_moment(job, chance)
            victim = ranks.pop(chance.randrange(RANKS))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            survivors.append(await_end(ranks)[0])
    with tempfile.TemporaryDirectory() as folder:
        await_end(begin(job, Path(folder)))
        result = json.loads((Path(folder) / "0.json").read_text())
    Path(out).write_text(json.dumps({"result": result, "survivors": survivors}))


def begin(job: RankJob, folder: Path) -> list[int]:
    """Start all ranks; returns their processes."""
    ranks = []
    for rank in range(RANKS):
        pid = os.fork()
        if pid == 0:
            live(job, rank, folder)
        ranks.append(pid)
    return ranks


def live(job: RankJob, rank: int, folder: Path) -> None:
    """One rank, in a process of its own."""
    code = 1
    try:
        with join(rank, RANKS, folder) as world:
            result = train_rank(job, world)
            (folder / f"{rank}.json").write_text(result.to_json())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def await_moment(job: RankJob, chance: random.Random) -> None:
    """Soon after the start, or after a further checkpoint; at some moments a file is just being written."""
    place, started = job.open_checkpoints(), time.monotonic()
    first, wanted = max(list_generations(place), default=0), chance.choice([0, 1, 2, 3])
    while max(list_generations(place), default=0) < first + wanted and time.monotonic() - started < DEADLINE_SECONDS:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.05 if wanted else 2.0))


def await_end(ranks: list[int]) -> list[float]:
    """Seconds until each rank ends; whoever lives longer than the deadline is killed."""
    seconds, start = [], time.monotonic()
    for rank in ranks:
        while os.waitpid(rank, os.WNOHANG) == (0, 0):
            if time.monotonic() - start > DEADLINE_SECONDS:
                os.kill(rank, signal.SIGKILL)
            time.sleep(0.01)
        seconds.append(time.monotonic() - start)
    return seconds
