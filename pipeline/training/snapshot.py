"""The state of all ranks as one checkpoint, and back.

Most arrays are the same on every rank: weights, and what the optimizer keeps. Others are not: a metric's sums over this
rank's rows, for one. Which ones differ is not known by their names but found by comparing checksums, and those are
gathered: each rank adds its bytes to zeros in the place of its rank, so nothing is rounded.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.errors import ConfigError
from pipeline.training.checkpoint import Array, Arrays, Checkpoint, CheckpointHead
from pipeline.training.world import World

METRICS = "metrics/"
"""What the names of sums over rows begin with; see `Learner.state` for these names."""
OF_VALIDATION = ("metrics/validation",)
OF_EPOCH = (METRICS, "norms/")


def take_snapshot(state: Arrays, best: Sequence[Array], head: CheckpointHead, world: World) -> Checkpoint:
    """A checkpoint of all ranks, the same on each; every rank has to call this at the same step.

    Args:
        state: this rank's arrays by name, which nobody changes any more.
        best: weights of the best epoch.
        head: all else.
        world: the ranks.
    """
    names = sorted(state)
    checksums = np.array([zlib.crc32(_bytes(state[name]).data) for name in names], np.int64)
    table = _gather(_bytes(checksums), world).view(np.int64)
    differing = [name for number, name in enumerate(names) if len(set(table[:, number].tolist())) > 1]
    own = _gather_arrays({name: state[name] for name in differing}, world)
    return Checkpoint(head, {name: state[name] for name in names if name not in own}, own, tuple(best))


def state_of_rank(checkpoint: Checkpoint, world: World) -> dict[str, Array]:
    """The arrays with which one rank goes on.

    In a world of another size, sums over rows go to rank 0, and all else is rank 0's.
    """
    if world.size == checkpoint.head.ranks:
        return {**checkpoint.shared, **{name: array[world.rank] for name, array in checkpoint.own.items()}}
    state = {name: _total(array, checkpoint.head.ranks, name, world) for name, array in checkpoint.shared.items()}
    return state | {name: _merged(array, name, world) for name, array in checkpoint.own.items()}


def check_fits(state: Arrays, expected: Arrays, place: str) -> None:
    """Make sure that a checkpoint's arrays are those of this network and optimizer.

    Raises:
        ConfigError: they are not.
    """
    strange = sorted(
        name
        for name in {*state, *expected}
        if name not in state or name not in expected or state[name].shape != expected[name].shape
    )
    if strange:
        raise ConfigError(
            f"The checkpoint in {place} is of another network or optimizer: {', '.join(strange[:5])} "
            f"{'does' if len(strange) == 1 else 'do'} not fit. Such a change cannot be allowed: take it back, or set "
            "train.checkpoint.resume: never to begin anew."
        )


def is_finite(arrays: Mapping[str, Array]) -> bool:
    """Whether no number is NaN or infinite."""
    return all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind not in "biu")


def _total(array: Array, ranks: int, name: str, world: World) -> Array:
    """A sum over rows that happened to be the same on every rank counts as often as there were ranks."""
    if not name.startswith(METRICS):
        return array
    total: Array = (array * ranks if world.rank == 0 else array * 0).astype(array.dtype)
    return total


def _merged(array: Array, name: str, world: World) -> Array:
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
    gathered, place = {}, 0
    for name, array in arrays.items():
        columns = np.ascontiguousarray(table[:, place : place + array.nbytes])
        gathered[name] = columns.view(array.dtype).reshape(world.size, *array.shape)
        place += array.nbytes
    return gathered


def _gather(content: npt.NDArray[np.uint8], world: World) -> npt.NDArray[np.uint8]:
    """The bytes of every rank: uint8 [ranks, n]."""
    table = np.zeros((world.size, len(content)), np.uint8)
    table[world.rank] = content
    gathered: npt.NDArray[np.uint8] = np.ascontiguousarray(world.sum([tf.constant(table)], "snapshot")[0].numpy())
    return gathered


def _bytes(array: Array) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
