"""Real worlds of Horovod ranks on this machine, without Spark: forks that run one function, and what they returned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np

from tests.support.forks import SERVER, Call

DEADLINE_SECONDS = 800


def run_world(target: str, size: int, folder: Path) -> list[dict[str, np.ndarray]]:
    """Run `target(world, folder)` on every rank of a world; returns, by rank, the arrays that it returned."""
    own = folder / f"world-{size}-{len(list(folder.glob('world-*')))}"
    own.mkdir()
    ranks = [(target, str(rank), str(size), str(own), str(folder)) for rank in range(size)]
    calls = [Call("tests.support.worlds:run_rank", rank, f"{own}/{rank[1]}.out") for rank in ranks]
    if any(SERVER.run(calls, seconds=DEADLINE_SECONDS)):
        raise AssertionError("\n".join(Path(call.output).read_text()[-3000:] for call in calls))
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


def run_rank(target: str, rank: str, size: str, own: str, folder: str) -> None:
    """One rank."""
    module, _, name = target.partition(":")
    with join(int(rank), int(size), Path(own)) as world:
        found = getattr(import_module(module), name)(world, Path(folder))
    np.savez(Path(own) / f"{rank}.npz", **found)
