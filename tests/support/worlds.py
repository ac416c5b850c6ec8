"""Real worlds of Horovod ranks on this machine, without Spark: processes that run one function, and what they found.

python -m tests.support.worlds MODULE:FUNCTION RANK SIZE FOLDER
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np

DEADLINE_SECONDS = 800


def run_world(target: str, size: int, folder: Path) -> list[dict[str, np.ndarray]]:
    """Run `target(world, folder)` on every rank of a world; returns, by rank, the arrays that it returned."""
    own = folder / f"world-{size}-{len(list(folder.glob('world-*')))}"
    own.mkdir()
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.worlds", target, str(rank), str(size), str(own), str(folder)],
            env=os.environ | quiet,
            stderr=(own / f"{rank}.err").open("w"),
        )
        for rank in range(size)
    ]
    try:
        codes = [rank.wait(DEADLINE_SECONDS) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()
    if any(codes):
        raise AssertionError("\n".join((own / f"{rank}.err").read_text()[-3000:] for rank in range(size)))
    return [dict(np.load(own / f"{rank}.npz")) for rank in range(size)]


@contextmanager
def join(rank: int, size: int, folder: Path) -> Iterator[object]:
    """One rank of a world on this machine."""
    from pipeline.model.device import configure_devices
    from pipeline.store.filesystem import storage_path
    from pipeline.training.horovod_world import horovod_world
    from pipeline.training.rendezvous import key_value_server, rank_environment
    from pipeline.training.world import SingleWorld

    configure_devices(1, size, rank)
    if size == 1:
        yield SingleWorld()
        return
    with (
        key_value_server(storage_path(str(folder)).child("keys")) as port,
        horovod_world(rank_environment(["localhost"] * size, rank, port, 120)) as world,
    ):
        yield world


def main() -> None:
    """One rank."""
    target, rank, size, own, folder = sys.argv[1:]
    module, _, name = target.partition(":")
    with join(int(rank), int(size), Path(own)) as world:
        found = getattr(import_module(module), name)(world, Path(folder))
    np.savez(Path(own) / f"{rank}.npz", **found)
    # Libraries' threads can hold a process up for ever when it ends in the usual way; ranks on Spark do not end so.
    os._exit(0)


if __name__ == "__main__":
    main()
