"""What two ranks do in tests of the operations, and what becomes of one when the other meets a fault."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

TYPES = ("float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
TIME_LIMIT, STEPS_BEFORE = 2.0, 50


def numbers_of(kind: str, rank: int) -> np.ndarray:
    """Numbers of a rank, whose sum over two ranks is exact in no type of 16 bits."""
    whole = np.random.default_rng(rank).integers(1, 60, 5000)
    return whole if "int" in kind else whole / 64 + 1 / 3


def exchange_all(world: Any, folder: Path) -> dict[str, np.ndarray]:
    """Each operation, in a graph where it matters."""
    import tensorflow as tf

    rank = world.rank
    found: dict[str, Any] = {}
    sums = world.sum([tf.cast(tf.constant(numbers_of(kind, rank)), kind) for kind in TYPES], "types")
    found |= {f"sum/{kind}": tf.cast(total, tf.float64).numpy() for kind, total in zip(TYPES, sums, strict=True)}
    found["empty"] = world.sum([tf.zeros([0, 3]), tf.ones([])], "empty")[1].numpy()
    rows = tf.reshape(tf.range(6 * (rank + 1), dtype=tf.int64), [-1, 2]) + 100 * rank
    found["rows"], found["no_rows"] = world.gather([rows, tf.ones([3 * rank, 4])], "rows")
    found["wide"] = world.gather([tf.fill([300_000 * (1 - rank) + 7], float(rank))], "wide")[0].numpy()
    variables = [tf.Variable([rank + 0.5, -0.0]), tf.Variable(rank == 0), tf.Variable(rank, dtype=tf.int64)]
    world.broadcast(variables)
    found |= {f"broadcast/{number}": variable.numpy() for number, variable in enumerate(variables)}
    found["ordered"] = _ordered(world).numpy()
    found["shape"] = np.array(_static_shapes(world))
    return found | _mismatch(world)


def _ordered(world: Any) -> Any:
    """Exchanges that depend on no common number, one of them within a branch, in a loop."""
    import tensorflow as tf

    def take(step: Any, kept: Any, free: Any) -> tuple[Any, Any, Any]:
        inner = tf.cond(step % 3 == 0, lambda: world.sum([kept], "in_branch")[0], lambda: kept)
        return step + 1, inner * 0.5, free + world.sum([tf.ones([])], "beside")[0]

    start = (0, tf.fill([4], float(world.rank + 1)), 0.0)
    run = tf.function(lambda: tf.while_loop(lambda step, *_: step < 300, take, start), autograph=False)
    return run()[2]


def _static_shapes(world: Any) -> list[int]:
    """Of a sum and of a gathering, as far as a graph knows them; -1 stands for what it does not."""
    import tensorflow as tf

    spec = tf.TensorSpec([3, 4])
    graph = tf.function(lambda x: [world.sum([x], "s")[0], world.gather([x], "g")[0]], autograph=False)
    made = graph.get_concrete_function(spec).structured_outputs
    return [-1 if size is None else size for tensor in made for size in tensor.shape]


def _mismatch(world: Any) -> dict[str, np.ndarray]:
    """Both ranks find that they call for different things."""
    import tensorflow as tf

    started = time.monotonic()
    try:
        world.sum([tf.ones(2 + world.rank)], f"tag_{world.rank}")
    except tf.errors.InvalidArgumentError as error:
        return {"local/mismatch": np.array(error.message), "local/seconds": np.array(time.monotonic() - started)}
    return {}


def meet_fault(fault: str, rank: str, folder: str) -> None:
    """One rank of two, until the second one meets a fault; the first prints what it found, and how long that took."""
    import tensorflow as tf

    from pipeline.store.filesystem import storage_path
    from pipeline.training.agreement import Meeting, agree
    from pipeline.training.shared_world import shared_memory_world

    number, place = int(rank), Path(folder)
    (place / f"process-{rank}").write_text(str(os.getpid()))
    meeting = Meeting(storage_path(folder), ["here", "here"], number, TIME_LIMIT if fault == "stop" else 60.0)
    _, membership = agree(meeting, may_share=True, recorded=None)
    assert membership is not None
    with shared_memory_world(membership, number, 2) as world:
        for step in range(1 << 30):
            if number == 1 and step == STEPS_BEFORE:
                FAULTS[fault](place)
            since = time.monotonic()
            try:
                world.sum([tf.ones(3)], "step")
            except tf.errors.UnavailableError as error:
                print(json.dumps([error.message, time.monotonic() - since]))  # noqa: T201
                break
    kill(place, 1)  # it may be stopped


def kill(folder: Path, rank: int) -> None:
    """Kill a rank; the second one may be dead."""
    with suppress(ProcessLookupError):
        os.kill(int((folder / f"process-{rank}").read_text()), signal.SIGKILL)


def _die(folder: Path) -> None:
    kill(folder, 1)


def _die_with_a_child(folder: Path) -> None:
    """A child keeps the memory and the open file, but has no lock."""
    if os.fork() == 0:
        time.sleep(5)
        os._exit(0)
    kill(folder, 1)


def _die_with_all(folder: Path) -> None:
    links = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_open(name)]
    (folder / "links").write_text("\n".join(links))
    kill(folder, 0)
    kill(folder, 1)


def _is_open(descriptor: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{descriptor}")


FAULTS = {
    "die": _die,
    "die_with_a_child": _die_with_a_child,
    "die_with_all": _die_with_all,
    "stop": lambda _: os.kill(os.getpid(), signal.SIGSTOP),
}
