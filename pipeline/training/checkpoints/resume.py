"""Which checkpoint a training run resumes from: its own latest one, or that of an interrupted run with other settings.

A run's checkpoints are in a folder named after its future model, whose id derives from its data and settings. So the
other folders of the same experiment belong to interrupted runs with other data or settings. The driver decides before
the launch, so nothing here imports TensorFlow.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.config.checkpoint import CheckpointConfig
from pipeline.errors import ConfigError, StoreError
from pipeline.formatting import listed
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import checkpoints_folder, fold_checkpoints_folder
from pipeline.store.publish import replace_folder
from pipeline.training.checkpoints.format import Checkpoint, CheckpointHead, decode_checkpoint
from pipeline.training.checkpoints.writer import checkpoint_file, list_generations
from pipeline.training.job import WORLD_SIZE

REMEDY = (
    "Revert the changes to resume it; set train.checkpoint.resume: never to start over; or set "
    "train.checkpoint.allow_changes: true to resume with the changes"
)

logger = logging.getLogger(__name__)


def open_checkpoints(
    root: StoragePath, name: str, model_id: str, *, config: CheckpointConfig, identity: str
) -> tuple[StoragePath, CheckpointHead | None]:
    """The folder for a run's checkpoints, and the head of the latest one in it; None where the run starts from scratch.

    Args:
        root: the storage root.
        name: the experiment's name.
        model_id: the id of the model that is to be trained.
        config: what to do with existing checkpoints.
        identity: the run's identity, see `RankJob.identity`.

    Raises:
        ConfigError: a run of this experiment with other data or settings was interrupted.
    """
    folder = checkpoints_folder(root, name)
    run_folder = folder.child(model_id)
    if config.resume == "never":
        files.remove_folder(folder)
        return run_folder, None
    latest = latest_checkpoint(run_folder)
    return run_folder, latest[1].head if latest else _take_over(folder, run_folder, config, identity)


def open_fold_checkpoints(
    root: StoragePath, name: str, model_id: str, *, config: CheckpointConfig
) -> tuple[StoragePath, CheckpointHead | None]:
    """Like `open_checkpoints`, for a fold: checkpoints beside its own belong to folds that may be training now."""
    run_folder = fold_checkpoints_folder(root, name).child(model_id)
    if config.resume == "never":
        files.remove_folder(run_folder)
    latest = latest_checkpoint(run_folder)
    return run_folder, latest[1].head if latest else None


def read_checkpoint(folder: StoragePath, generation: int) -> Checkpoint:
    """One generation, verified.

    Raises:
        StoreError: it is missing, torn or altered.
    """
    file = checkpoint_file(folder, generation)
    try:
        content = files.read_bytes(file)
    except OSError as error:
        raise StoreError(f"Checkpoint {file} cannot be read: {error}.") from error
    return decode_checkpoint(content, str(file))


def latest_checkpoint(folder: StoragePath) -> tuple[int, Checkpoint] | None:
    """The latest readable generation and its number; later, unreadable ones are logged and deleted."""
    for generation in reversed(list_generations(folder)):
        try:
            return generation, read_checkpoint(folder, generation)
        except StoreError as error:
            logger.warning("%s Falling back to the previous checkpoint, if there is one.", error)
            files.remove_file(checkpoint_file(folder, generation))
    return None


def check_unchanged(head: CheckpointHead, identity: str, folder: StoragePath, *, allowed: bool) -> list[str]:
    """The settings in which a run differs from the one whose checkpoint is in `folder`.

    Raises:
        ConfigError: it differs, and `allowed` is False.
    """
    changes = differences(head.identity, identity)
    if changes and not allowed:
        raise ConfigError(
            f"A training run was interrupted at {head.position()}, and its checkpoint in {folder} does not match this "
            f"run: {listed(changes, separator='; ')}. {REMEDY}."
        )
    return changes


def differences(before: str, now: str) -> list[str]:
    """Each setting that differs between two identities, with both values; the number of workers comes first."""
    old, new = (dict(_flat(json.loads(identity), "")) for identity in (before, now))
    names = sorted({*old, *new}, key=lambda name: (name != WORLD_SIZE, name))
    return [
        f"{name} is {new.get(name, 'not set')}, was {old.get(name, 'not set')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _take_over(
    folder: StoragePath, run_folder: StoragePath, config: CheckpointConfig, identity: str
) -> CheckpointHead | None:
    """Move the checkpoints of an interrupted run with other settings into `run_folder`, or refuse them."""
    interrupted = [
        (latest[1].head, folder.child(name))
        for name in files.list_folders(folder)
        if (latest := latest_checkpoint(folder.child(name))) is not None
    ]
    if not interrupted:
        return None
    head, other = max(interrupted, key=lambda entry: (entry[0].epoch, entry[0].step))
    check_unchanged(head, identity, other, allowed=config.allow_changes)
    replace_folder(other, run_folder)
    return head


def _flat(content: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Nested settings as dotted names and values."""
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, content
