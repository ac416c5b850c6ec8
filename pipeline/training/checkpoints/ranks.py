"""Checkpoints and the ranks: which one all continue from, the state of all ranks as one, and back.

Most arrays are the same on every rank: weights, and the optimizer's state. Others differ on purpose: sums over a rank's
rows, gradients accumulated until the next exchange, and seeds of random numbers. Which arrays differ is determined by
comparing checksums, not by names, and only those are gathered: each rank adds its bytes to zeros at its own offset, so
that nothing is rounded.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.errors import ConfigError
from pipeline.training.checkpoints.format import Array, Arrays, Checkpoint, CheckpointHead
from pipeline.training.checkpoints.resume import check_unchanged, latest_checkpoint, read_checkpoint
from pipeline.training.forward_state import SEED, seed_of_rank
from pipeline.training.job import RankJob
from pipeline.training.world import ORDER_MATTERS_FROM, ORDER_OF_RANKS, RING, RING_OF_BUCKETS, World, order_of_hosts

METRICS = "metrics/"
"""Prefix of sums over rows; see `StepRunner.state` for the names of arrays."""
OF_VALIDATION = ("metrics/validation",)
OF_EPOCH = (METRICS, "norms/")

logger = logging.getLogger(__name__)


def find_checkpoint(job: RankJob, world: World) -> tuple[int, Checkpoint | None]:
    """The checkpoint that all ranks resume from, and its generation; 0 and None where there is none.

    Raises:
        ConfigError: on every rank, because the checkpoint belongs to a run with other settings.
    """
    folder = job.open_checkpoints()
    if folder is None:
        return 0, None
    # Only rank 0 searches, because it deletes what it cannot read; the others read the generation that it names. All
    # wait for it in this collective, so none reads while it deletes.
    latest = latest_checkpoint(folder) if world.rank == 0 else None
    generation = int(world.sum([tf.constant(latest[0] if latest else 0, tf.int64)], "generation")[0])
    if generation == 0:
        return 0, None
    checkpoint = latest[1] if latest else read_checkpoint(folder, generation)
    allowed = job.train.checkpoint is not None and job.train.checkpoint.allow_changes
    changes = check_unchanged(checkpoint.head, job.identity(), folder, allowed=allowed)
    if changes and world.rank == 0:
        logger.warning("Resuming with changes: %s", "; ".join(changes))
    return generation, checkpoint


def recorded_summation(job: RankJob, hosts: Sequence[str]) -> str | None:
    """In which order the sums of the checkpoint to continue from were added, where that makes a difference.

    For rank 0 alone, since it deletes what it cannot read, and before ranks have joined each other.

    Args:
        job: what to train.
        hosts: the host of every rank.

    Raises:
        ConfigError: these ranks cannot add in that order, and the configuration allows no change.
    """
    folder = job.open_checkpoints()
    latest = latest_checkpoint(folder) if folder is not None and len(hosts) >= ORDER_MATTERS_FROM else None
    if folder is None or latest is None or latest[1].head.ranks != len(hosts):
        return None
    order, own = latest[1].head.summation, order_of_hosts(hosts)
    if order in (ORDER_OF_RANKS, RING, RING_OF_BUCKETS, own):
        return order
    if job.train.checkpoint is not None and job.train.checkpoint.allow_changes:
        return None
    raise ConfigError(
        f"The checkpoint in {folder} was taken by ranks that summed host by host ({order}), and these ranks are "
        f"divided into hosts otherwise ({own}), where sums round differently. Launch as many ranks on each host "
        "as before; or set train.checkpoint.allow_changes: true to accept the rounding, or train.checkpoint.resume: "
        "never to start over."
    )


def gather_state(state: Arrays, best: Sequence[Array], head: CheckpointHead, world: World) -> Checkpoint:
    """A checkpoint of all ranks, the same on each.

    Every rank calls this after the same step, with arrays of the same names, shapes and types.

    Args:
        state: this rank's arrays by name; copies, since a thread writes them while training continues.
        best: weights of the best epoch.
        head: everything else.
        world: the ranks.
    """
    names = sorted(state)
    checksums = np.array([zlib.crc32(_bytes(state[name]).data) for name in names], np.int64)
    table = _gather(_bytes(checksums), world).view(np.int64)
    # Each rank has the whole table, so all gather the same arrays, in the same order.
    differing = [name for number, name in enumerate(names) if len(set(table[:, number].tolist())) > 1]
    per_rank = _gather_arrays({name: state[name] for name in differing}, world)
    return Checkpoint(head, {name: state[name] for name in names if name not in per_rank}, per_rank, tuple(best))


def state_of_rank(checkpoint: Checkpoint, world: World) -> dict[str, Array]:
    """The arrays with which one rank resumes.

    In a world of another size, sums over rows go to rank 0, seeds follow from rank 0's, and all else is rank 0's.
    """
    if world.size == checkpoint.head.ranks:
        return {**checkpoint.shared, **{name: array[world.rank] for name, array in checkpoint.per_rank.items()}}
    state = {name: _total(array, checkpoint.head.ranks, name, world) for name, array in checkpoint.shared.items()}
    state |= {name: _merged(array, name, world) for name, array in checkpoint.per_rank.items()}
    seeds = {name: seed_of_rank(array, world.rank) for name, array in state.items() if name.endswith(f"/{SEED}")}
    return state | seeds


def check_fits(state: Arrays, expected: Arrays, path: str) -> None:
    """Make sure that a checkpoint's arrays are those of this network and optimizer.

    Raises:
        ConfigError: a name or a shape differs.
    """
    differing = sorted(
        name
        for name in {*state, *expected}
        if name not in state or name not in expected or state[name].shape != expected[name].shape
    )
    if differing:
        raise ConfigError(
            f"The checkpoint in {path} belongs to another network or optimizer: {', '.join(differing[:5])} "
            f"{'does' if len(differing) == 1 else 'do'} not match. allow_changes does not cover this: revert the "
            "change, or set train.checkpoint.resume: never to start over."
        )


def is_finite(arrays: Mapping[str, Array]) -> bool:
    """Whether no number is NaN or infinite."""
    return all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind not in "biu")


def _total(array: Array, ranks: int, name: str, world: World) -> Array:
    """For rank 0, a sum over rows that was the same on every rank, once for each of them; others begin at 0."""
    if not name.startswith(METRICS):
        return array
    total: Array = (array * ranks if world.rank == 0 else array * 0).astype(array.dtype)
    return total


def _merged(array: Array, name: str, world: World) -> Array:
    """An array with an axis for the ranks, for another number of them."""
    if not name.startswith(METRICS):
        first: Array = array[0]
        return first
    total: Array = (array.sum(0) if world.rank == 0 else array[0] * 0).astype(array.dtype)
    return total


def _gather_arrays(arrays: Arrays, world: World) -> dict[str, Array]:
    """Each array with a first axis for the rank."""
    if not arrays:
        return {}
    table = _gather(np.concatenate([_bytes(array) for array in arrays.values()]), world)
    gathered, start = {}, 0
    for name, array in arrays.items():
        columns = np.ascontiguousarray(table[:, start : start + array.nbytes])
        gathered[name] = columns.view(array.dtype).reshape(world.size, *array.shape)
        start += array.nbytes
    return gathered


def _gather(content: npt.NDArray[np.uint8], world: World) -> npt.NDArray[np.uint8]:
    """The bytes of every rank: uint8 [ranks, n]."""
    table = np.zeros((world.size, len(content)), np.uint8)
    table[world.rank] = content
    gathered: npt.NDArray[np.uint8] = np.ascontiguousarray(world.sum([tf.constant(table)], "state")[0].numpy())
    return gathered


def _bytes(array: Array) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
