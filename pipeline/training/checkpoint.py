"""A checkpoint: all that a training needs to go on as if nothing had happened, in one file without pickle.

    <generation>.checkpoint    MAGIC, 8 bytes: length of the head, little-endian
                               the head: a JSON document, with name, type, shape and place of each array
                               the arrays' bytes, one after the other
                               32 bytes: SHA-256 of all before

A file is written beside its place, synced and renamed, by a thread of rank 0; the two latest generations stay. Where
the latest is torn or altered, the one before it serves.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import StoreError
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.training.records import EpochRecord

MAGIC = b"pipeline checkpoint 1\n"
ENDING = ".checkpoint"
KEPT = 2
LENGTH_BYTES, HASH_BYTES = 8, 32

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

logger = logging.getLogger(__name__)


class CheckpointHead(Document):
    """What a checkpoint tells besides its arrays.

    Attributes:
        identity: of the training, as JSON: its data, its settings and its seed; see `identity`.
        ranks: that trained.
        steps: of an epoch.
        epoch: in progress, counted from 0.
        step: of that epoch, which comes next.
        seconds: that this epoch has trained.
        input_seconds: of these, how long rank 0's model waited for rows.
        history: of the epochs before.
        ended: whether the user's callbacks found that it was trained enough.
        learning_rate: that the finder chose; None where it did not.
        callbacks: what the user's callbacks keep, by their number.
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

    def place(self) -> str:
        """Where the training was, for people."""
        return f"step {self.step} of {self.steps} of epoch {self.epoch + 1}"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        head: all but the arrays.
        shared: arrays that are the same on every rank.
        own: arrays that differ between ranks, with a first axis for the rank.
        best: the weights of the best epoch so far; empty before the first epoch's end.
    """

    head: CheckpointHead
    shared: Arrays
    own: Arrays
    best: tuple[Array, ...] = ()


def write_checkpoint(place: StoragePath, generation: int, checkpoint: Checkpoint) -> None:
    """Publish a generation in the folder `place`, and delete all but the latest two.

    Raises:
        StoreError: it cannot be written; the earlier ones stay.
    """
    file = place.child(_name(generation))
    try:
        files.write_durably(file, _pieces(checkpoint))
        for old in generations(place)[:-KEPT]:
            files.remove_file(place.child(_name(old)))
    except OSError as error:
        with suppress(OSError):
            files.remove_file(file.sibling(files.UNFINISHED))
        raise StoreError(
            f"Checkpoint {file.path} cannot be written: {error}. The earlier one stays. Make room there, or set "
            "storage.root to another place, and run the same command again."
        ) from error


def read_checkpoint(place: StoragePath, generation: int) -> Checkpoint:
    """One generation, checked.

    Raises:
        StoreError: it is missing, torn or altered.
    """
    file = place.child(_name(generation))
    try:
        content = files.read_bytes(file)
    except OSError as error:
        raise StoreError(f"Checkpoint {file.path} cannot be read: {error}.") from error
    body, digest = memoryview(content)[:-HASH_BYTES], content[-HASH_BYTES:]
    if not content.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        raise StoreError(f"Checkpoint {file.path} is torn or was altered: its SHA-256 does not fit.")
    return _parse(body, file.path)


def latest_checkpoint(place: StoragePath) -> tuple[int, Checkpoint] | None:
    """The latest generation that can be read, with its number; those that cannot are told and deleted."""
    for generation in reversed(generations(place)):
        try:
            return generation, read_checkpoint(place, generation)
        except StoreError as error:
            logger.warning("%s The checkpoint before it is used, where there is one.", error)
            files.remove_file(place.child(_name(generation)))
    return None


def generations(place: StoragePath) -> list[int]:
    """The numbers of the checkpoints in a folder, the latest last."""
    names = [name.removesuffix(ENDING) for name in files.list_files(place) if name.endswith(ENDING)]
    return sorted(int(name) for name in names if name.isdecimal())


def _name(generation: int) -> str:
    return f"{generation:08d}{ENDING}"


def _pieces(checkpoint: Checkpoint) -> Iterator[bytes | memoryview]:
    """The file, piece by piece: no second copy of the arrays is made."""
    arrays = [np.ascontiguousarray(array) for _, _, array in _arrays(checkpoint)]
    entries = [
        {"group": group, "name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
        for group, name, array in _arrays(checkpoint)
    ]
    head = json.dumps({"head": checkpoint.head.model_dump(mode="json"), "arrays": entries}).encode()
    digest = hashlib.sha256()
    pieces: list[bytes | memoryview] = [MAGIC, len(head).to_bytes(LENGTH_BYTES, "little"), head, *map(_bytes, arrays)]
    for piece in pieces:
        digest.update(piece)
        yield piece
    yield digest.digest()


def _arrays(checkpoint: Checkpoint) -> Iterator[tuple[str, str, Array]]:
    yield from (("shared", name, array) for name, array in checkpoint.shared.items())
    yield from (("own", name, array) for name, array in checkpoint.own.items())
    yield from (("best", str(number), array) for number, array in enumerate(checkpoint.best))


def _bytes(array: Array) -> memoryview:
    # By way of uint8: the buffers of some types, such as bfloat16, cannot be exported.
    return array.reshape(-1).view(np.uint8).data


def _parse(body: memoryview, path: str) -> Checkpoint:
    start = len(MAGIC) + LENGTH_BYTES
    end = start + int.from_bytes(body[len(MAGIC) : start], "little")
    try:
        content = json.loads(bytes(body[start:end]))
        head = CheckpointHead.model_validate(content["head"])
        groups: dict[str, dict[str, Array]] = {"shared": {}, "own": {}, "best": {}}
        for entry in content["arrays"]:
            dtype, count = _dtype(entry["dtype"]), math.prod(entry["shape"])
            array = np.frombuffer(body, np.uint8, count * dtype.itemsize, end).view(dtype)
            groups[entry["group"]][entry["name"]] = array.reshape(entry["shape"])
            end += count * dtype.itemsize
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"Checkpoint {path} is of another version of this library: {error}.") from error
    return Checkpoint(head, groups["shared"], groups["own"], tuple(groups["best"].values()))


def _dtype(name: str) -> np.dtype[Any]:
    import ml_dtypes  # numpy itself has no bfloat16

    return np.dtype(getattr(ml_dtypes, name, None) or name)
