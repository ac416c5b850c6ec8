"""Publication: a folder appears complete or not at all.

Work in progress is written under `<root>/scratch/<token>`; when its last file is there, one rename makes it
visible. Where two jobs publish the same thing, the first one wins and the second one takes the first one's, since
the name of a store is derived from what is in it. A model replaces its predecessor: the old folder is moved aside
first and removed after, and `recover_previous` puts it back if the job died between the two renames.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import scratch_place

PREVIOUS = ".previous"


@contextmanager
def scratch(root: Root) -> Iterator[Root]:
    """A fresh folder for work in progress, gone afterwards unless it was published."""
    place = scratch_place(root, uuid.uuid4().hex)
    try:
        yield place
    finally:
        files.remove_folder(place)


def publish_once(source: Root, target: Root, marker: str) -> bool:
    """Rename `source` to `target` unless `target` is already complete.

    Args:
        source: the finished folder.
        target: where readers look.
        marker: the file, written last, that tells a complete folder.

    Returns:
        False where somebody else published the same before us.
    """
    if files.exists(target.within(marker)):
        return False
    if files.exists(target):
        files.remove_folder(target)
    try:
        files.move(source, target)
    except OSError:
        if files.exists(target.within(marker)):
            return False
        raise
    return True


def publish_instead(source: Root, target: Root) -> None:
    """Rename `source` to `target`, which may hold a predecessor."""
    recover_previous(target)
    previous = _previous(target)
    if files.exists(target):
        files.move(target, previous)
    files.move(source, target)
    files.remove_folder(previous)


def recover_previous(target: Root) -> None:
    """Undo a replacement that was cut off between its two renames."""
    previous = _previous(target)
    if not files.exists(previous):
        return
    if files.exists(target):
        files.remove_folder(previous)
    else:
        files.move(previous, target)


def _previous(target: Root) -> Root:
    return Root(target.filesystem, target.path + PREVIOUS, target.uri + PREVIOUS)
