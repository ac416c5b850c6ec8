"""Who listens, and strangers that connect."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

if TYPE_CHECKING:
    from pipeline.training.world import World

PATIENCE_SECONDS = 60


def listeners(process: psutil.Process | None = None) -> set[tuple[str, int]]:
    """The addresses and ports at which a process listens; this one where none is given."""
    with suppress(psutil.NoSuchProcess):
        connections = (process or psutil.Process()).net_connections("inet")
        return {(entry.laddr.ip, entry.laddr.port) for entry in connections if entry.status == psutil.CONN_LISTEN}
    return set()


def list_own(world: World, folder: Path) -> dict[str, np.ndarray]:
    """What a rank listens at once it has joined; for `run_world`."""
    world.sum([np.ones(2, np.float32)], "sum")
    return {"listeners": np.asarray([f"{address}:{port}" for address, port in listeners()])}


def visited_rank(rank: str, folder: str) -> None:
    """A rank of a world of two, by Horovod; strangers come while rank 0 waits for rank 1."""
    from tests.support.worlds import join

    visited = Path(folder, "visited")
    if rank == "1":
        _wait_for(visited)
    with strangers(visited) if rank == "0" else nullcontext(), join(int(rank), 2, Path(folder), "horovod") as world:
        assert world.sum([np.ones(2, np.float32)], "sum")[0].numpy().tolist() == [2.0, 2.0]


@contextmanager
def strangers(visited: Path) -> Iterator[None]:
    """Connect to whatever this process begins to listen at, until the block ends; makes a file after the first."""
    ended = threading.Event()
    before = listeners()
    thread = threading.Thread(target=_visit, args=(before, visited, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _visit(before: set[tuple[str, int]], visited: Path, ended: threading.Event) -> None:
    held: list[socket.socket] = []
    while not ended.wait(0.02):
        # The key-value server comes first, and Gloo's port last.
        if len(ports := listeners() - before) >= 2 and not visited.exists():
            held += _knock(ports)
            time.sleep(0.5)  # for Gloo's thread to meet them
            visited.touch()
    for wire in held:
        wire.close()


def _knock(ports: Iterable[tuple[str, int]]) -> Iterator[socket.socket]:
    """Some leave at once, one by a reset, one stays, one says something."""
    for address in ports:
        for _ in range(12):
            socket.create_connection(address, 5).close()
        rude = socket.create_connection(address, 5)
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        rude.close()
        for words in (b"", b"x", bytes(range(256))):
            wire = socket.create_connection(address, 5)
            wire.sendall(words)
            yield wire


def _wait_for(file: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"{file} did not appear")
        time.sleep(0.02)
