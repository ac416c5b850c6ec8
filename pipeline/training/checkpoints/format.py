"""A checkpoint: everything that an interrupted training run needs to resume as if it had not been interrupted.

It is one file, without pickle:

    <generation>.checkpoint    MAGIC, 8 bytes: length of the head, little-endian
                               the head: a JSON document, with group, name, type and shape of each array
                               the arrays' bytes, one after the other
                               32 bytes: SHA-256 of everything before
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import StoreError
from pipeline.schemas.document import Document
from pipeline.training.records import EpochRecord
from pipeline.training.world import RING

MAGIC = b"pipeline checkpoint 1\n"
LENGTH_BYTES, HASH_BYTES = 8, 32
SHARED, PER_RANK, BEST = "shared", "own", "best"
"""Groups of arrays, as files name them."""

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


class CheckpointHead(Document):
    """What a checkpoint holds besides arrays.

    Attributes:
        identity: the run's data, settings and seed as JSON; see `RankJob.identity`.
        ranks: number of ranks that trained.
        steps: the number of global steps of an epoch.
        epoch: the epoch in progress, counted from 0.
        step: the next step of that epoch, counted from 0.
        seconds: the training time of this epoch so far.
        input_seconds: how much of it rank 0's model waited for rows.
        history: the records of finished epochs.
        ended: whether a callback of the user has asked for the end of training.
        learning_rate: the rate that the finder chose; None where it chose none.
        callbacks: JSON state of the user's callbacks, by their number.
        summation: in which order numbers are added up over ranks, see `World`.
    """

    identity: str
    ranks: int
    steps: int
    epoch: int
    step: int
    seconds: float = 0.0
    input_seconds: float = 0.0
    history: tuple[EpochRecord, ...] = ()
    ended: bool = False
    learning_rate: float | None = None
    callbacks: Mapping[str, str] = {}
    summation: str = RING

    @property
    def finished_epochs(self) -> int:
        """The number of epochs that are over."""
        return self.epoch + (self.step == self.steps)

    def position(self) -> str:
        """The position of the run, for messages."""
        if self.step == self.steps:
            return f"the end of epoch {self.epoch + 1}"
        return f"step {self.step} of {self.steps} of epoch {self.epoch + 1}"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        head: everything but the arrays.
        shared: arrays that are the same on every rank, by name.
        per_rank: arrays that differ between ranks, by name; their first axis is the rank.
        best: weights of the best epoch so far, in the network's order; empty before the first epoch has ended.
    """

    head: CheckpointHead
    shared: Arrays
    per_rank: Arrays
    best: tuple[Array, ...] = ()


def encode_checkpoint(checkpoint: Checkpoint) -> Iterator[bytes | memoryview]:
    """The content of a file, piece by piece, without a second copy of the arrays."""
    arrays = list(_named_arrays(checkpoint))
    entries = [
        {"group": group, "name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
        for group, name, array in arrays
    ]
    head = json.dumps({"head": checkpoint.head.model_dump(mode="json"), "arrays": entries}).encode()
    digest = hashlib.sha256()
    pieces: list[bytes | memoryview] = [MAGIC, len(head).to_bytes(LENGTH_BYTES, "little"), head]
    # By way of uint8: the buffers of some types, such as bfloat16, cannot be exported. Shapes are taken above, since
    # `ascontiguousarray` makes a vector of a scalar.
    pieces += [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for _, _, array in arrays]
    for piece in pieces:
        digest.update(piece)
        yield piece
    yield digest.digest()


def decode_checkpoint(content: bytes, path: str) -> Checkpoint:
    """The reverse of `encode_checkpoint`; the arrays are views of `content`.

    Args:
        content: a whole file.
        path: of that file, for messages.

    Raises:
        StoreError: the file is truncated, was altered, or was written by another version of this library.
    """
    body, digest = memoryview(content)[:-HASH_BYTES], content[-HASH_BYTES:]
    if not content.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        raise StoreError(f"Checkpoint {path} is truncated or was altered: its SHA-256 does not match.")
    start = len(MAGIC) + LENGTH_BYTES
    end = start + int.from_bytes(body[len(MAGIC) : start], "little")
    groups: dict[str, dict[str, Array]] = {SHARED: {}, PER_RANK: {}, BEST: {}}
    try:
        document = json.loads(bytes(body[start:end]))
        head = CheckpointHead.model_validate(document["head"])
        for entry in document["arrays"]:
            dtype, count = _dtype(entry["dtype"]), math.prod(entry["shape"])
            array = np.frombuffer(body, np.uint8, count * dtype.itemsize, end).view(dtype)
            groups[entry["group"]][entry["name"]] = array.reshape(entry["shape"])
            end += count * dtype.itemsize
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"Checkpoint {path} was written by another version of this library: {error}.") from error
    return Checkpoint(head, groups[SHARED], groups[PER_RANK], tuple(groups[BEST].values()))


def _named_arrays(checkpoint: Checkpoint) -> Iterator[tuple[str, str, Array]]:
    yield from ((SHARED, name, array) for name, array in checkpoint.shared.items())
    yield from ((PER_RANK, name, array) for name, array in checkpoint.per_rank.items())
    yield from ((BEST, str(number), array) for number, array in enumerate(checkpoint.best))


def _dtype(name: str) -> np.dtype[Any]:
    import ml_dtypes  # numpy itself has no bfloat16

    return np.dtype(getattr(ml_dtypes, name, None) or name)
