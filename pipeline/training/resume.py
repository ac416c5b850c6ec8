"""Where a training goes on: its own latest checkpoint, or that of an interrupted one that was set up otherwise.

A training's checkpoints lie in a folder called as its model will be, which is derived from its data and settings. So
folders beside it, of the same experiment, are of interrupted trainings with other data or settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.config.checkpoint import CheckpointConfig
from pipeline.errors import SHOWN_AT_MOST, ConfigError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import checkpoints_folder
from pipeline.store.publish import place_folder
from pipeline.training.checkpoint import CheckpointHead, latest_checkpoint
from pipeline.training.job import WORLD_SIZE

REMEDY = (
    "Take the changes back, and the training goes on; or set train.checkpoint.resume: never, and it begins anew; "
    "or set train.checkpoint.allow_changes: true, and it goes on with the changes"
)


def open_checkpoints(
    root: StoragePath, name: str, model_id: str, *, config: CheckpointConfig, identity: str
) -> tuple[StoragePath, CheckpointHead | None]:
    """The folder for a training's checkpoints, ready for it to go on or to begin, and the latest one's head.

    Args:
        root: of the storage.
        name: of the experiment.
        model_id: of the model to be.
        config: what to do about what is there.
        identity: of the training, see `RankJob.identity`.

    Raises:
        ConfigError: a training of this experiment was interrupted that had other data or settings.
    """
    folder = checkpoints_folder(root, name)
    own = folder.child(model_id)
    if config.resume == "never":
        files.remove_folder(folder)
        return own, None
    latest = latest_checkpoint(own)
    return own, latest[1].head if latest else _look_beside(folder, own, config, identity)


def check_unchanged(head: CheckpointHead, identity: str, place: StoragePath, *, allowed: bool) -> list[str]:
    """How a training differs from the one that left a checkpoint in `place`, where it may.

    Raises:
        ConfigError: it differs, and may not.
    """
    found = differences(head.identity, identity)
    if found and not allowed:
        hidden = len(found) - SHOWN_AT_MOST
        shown = "; ".join(found[:SHOWN_AT_MOST]) + (f"; and {hidden} more" if hidden > 0 else "")
        raise ConfigError(
            f"A training was interrupted at {head.place()}, and its checkpoint in {place.path} does not fit this one: "
            f"{shown}. {REMEDY}."
        )
    return found


def differences(before: str, now: str) -> list[str]:
    """Each setting that two identities tell differently, with both values."""
    old, new = (dict(_flat(json.loads(identity), "")) for identity in (before, now))
    names = sorted({*old, *new}, key=lambda name: (name != WORLD_SIZE, name))
    return [
        f"{name} is {new.get(name, 'not set')} and was {old.get(name, 'not set')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _look_beside(
    folder: StoragePath, own: StoragePath, config: CheckpointConfig, identity: str
) -> CheckpointHead | None:
    """Refuse what was interrupted with other data or settings, or take it over as this training's own."""
    found = [
        (latest[1].head, folder.child(name))
        for name in files.list_folders(folder)
        if (latest := latest_checkpoint(folder.child(name))) is not None
    ]
    if not found:
        return None
    head, place = max(found, key=lambda entry: (entry[0].epoch, entry[0].step))
    check_unchanged(head, identity, place, allowed=config.allow_changes)
    place_folder(place, own)
    return head


def _flat(content: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _flat(value, f"{place}.{key}" if place else str(key))
    else:
        yield place, content
