"""Real worlds of ranks on this machine, without Spark: forks that run one function, and what they returned."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exchange.build import build_library
from tests.support.forks import SERVER, Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.training.world import World

DEADLINE_SECONDS = 800


def run_world(target: str, size: int, folder: Path, exchange: str = "shared_memory") -> list[dict[str, np.ndarray]]:
    """Run `target(world, folder)` on every rank of a world; returns, by rank, the arrays that it returned.

    Args:
        target: `package.module:function`.
        size: number of ranks.
        folder: for the function, and for files of the world's own.
        exchange: by which way tensors are exchanged; that memory is shared is required, not tried. `horovod_by_rank`
            adds as if a checkpoint of ranks that shared memory had been found; `hosts` divides the ranks among two
            hosts; `auto` is what a launch does.
    """
    build_library()
    own = folder / f"world-{size}-{len(list(folder.glob('world-*')))}"
    own.mkdir()
    ranks = [(target, str(rank), str(size), str(own), str(folder), exchange) for rank in range(size)]
    calls = [Call("tests.support.worlds:run_rank", rank, f"{own}/{rank[1]}.out") for rank in ranks]
    if any(SERVER.run(calls, seconds=DEADLINE_SECONDS)):
        raise AssertionError("\n".join(Path(call.output).read_text()[-3000:] for call in calls))
    return [dict(np.load(own / f"{rank}.npz")) for rank in range(size)]


@contextmanager
def join(
    rank: int,
    size: int,
    folder: Path,
    exchange: str = "shared_memory",
    recorded: Callable[[], str | None] | None = None,
) -> Iterator[World]:
    """One rank of a world on this machine; see `run_world` and `joined_world`."""
    from pipeline.model.device import configure_devices
    from pipeline.store.filesystem import storage_path
    from pipeline.training.agreement import Meeting
    from pipeline.training.join import joined_world
    from pipeline.training.world import SingleWorld

    configure_devices(1, size, rank)
    if size == 1:
        yield SingleWorld()
        return
    meeting = Meeting(storage_path(str(folder)), hosts_of(size, exchange), rank, 120)
    if exchange == "horovod_by_rank":
        recorded = lambda: "rank_order"  # noqa: E731
    with joined_world(meeting, may_share="horovod" not in exchange, recorded=recorded) as world:
        assert exchange == "auto" or exchange.startswith(world.exchange)
        yield world


def hosts_of(size: int, exchange: str) -> list[str]:
    """The host of every rank; several are one in truth, whose ranks talk over loopback."""
    if exchange != "hosts":
        return ["localhost"] * size
    os.environ["HOROVOD_GLOO_IFACE"] = "lo"
    return ["a" if rank < (size + 1) // 2 else "b" for rank in range(size)]


def _recorded(folder: Path, size: int, exchange: str) -> Callable[[], str | None] | None:
    """Of the checkpoint of the job in `folder`, where there is a job."""
    from pipeline.training.checkpoints.ranks import recorded_summation
    from pipeline.training.job import RankJob

    file = folder / "job.json"
    job = RankJob.from_json(file.read_text(), "the job") if file.exists() else None
    return None if job is None else lambda: recorded_summation(job, hosts_of(size, exchange))


def run_rank(target: str, rank: str, size: str, own: str, folder: str, exchange: str) -> None:
    """One rank."""
    module, _, name = target.partition(":")
    with join(int(rank), int(size), Path(own), exchange, _recorded(Path(folder), int(size), exchange)) as world:
        found = getattr(import_module(module), name)(world, Path(folder))
    np.savez(Path(own) / f"{rank}.npz", **found)
