"""Publishes an output folder: it appears complete or not at all, and an earlier output stays readable until then.

    <parent>/NAME              the output
    <parent>/.NAME/scratch/    work in progress; on the same file system, so that one rename publishes it
    <parent>/.NAME/previous/   the earlier output, for the moment between two renames where folders cannot be exchanged

In an object store, an output consists of the files that its card lists, see `listed.py`.

Besides its data files, an output has entries whose names begin with `_`, which readers of folders skip: `_score.json`
marks the folder as an output and describes it; `_quarantine` holds rows that could not be scored.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress

from pipeline.errors import ConfigError
from pipeline.schemas.document import HashedDocument
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.publish import sweep_scratch

CARD, QUARANTINE = "_score.json", "_quarantine"

_AT_FDCWD, _EXCHANGE = -100, 2
"""Constants of Linux: paths are relative to the working folder, and the two paths are exchanged."""


class ScoreCard(HashedDocument):
    """The description of an output, with a hash of its own.

    Attributes:
        card_format: format of this document; those without one have no hash.
        model_version: the version of the model that scored all its rows.
        model: URI of the Keras file.
        sha256: SHA-256 of that file.
        source: the source that was scored.
        format: the format of its files.
        rows: the number of rows of the output.
        quarantined: the number of rows that could not be scored.
        files: the size in bytes of each file by name, in an object store, where the folder may hold other files; else
            empty.
    """

    formats_without_hash = (None,)
    format_key, hash_key = "card_format", "card_sha256"
    remedy = "Score into another score.output, or remove this one"

    card_format: int = 2
    model_version: str
    model: str
    sha256: str
    source: str
    format: str
    rows: int
    quarantined: int
    files: Mapping[str, int] = {}


def work_folder(output: StoragePath) -> StoragePath:
    """The folder for work in progress."""
    return output.folder.child(f".{output.path.rpartition('/')[2]}")


def check_output(output: StoragePath, *, replace: bool) -> None:
    """Restore an earlier output that an interrupted job moved aside, and check that the output may be written.

    Raises:
        ConfigError: something exists there that must not be replaced.
    """
    work = work_folder(output)
    sweep_scratch(work)
    if not files.exists(output):
        if files.exists(_previous(work)):
            files.move(_previous(work), output)
        else:
            _remove_empty_folders(work)
    if not files.exists(output):
        return
    if not replace:
        raise output_exists_error(output)
    if files.exists(output.child(CARD)):
        return
    if files.size_of(output) is not None or files.list_files(output):
        raise not_an_output_error(output)


def output_exists_error(output: StoragePath) -> ConfigError:
    """The error for an existing output that may not be replaced."""
    return ConfigError(
        f"The output '{output}' already exists. Choose another score.output, or set score.mode: overwrite."
    )


def not_an_output_error(output: StoragePath) -> ConfigError:
    """The error for an existing path that is not an output."""
    return ConfigError(
        f"'{output}' exists, and is not the output of a scoring run: it has no {CARD}. Allowed with score.mode: "
        "overwrite is a new folder, or such an output. Correct score.output, or remove what is there."
    )


def publish_output(finished: StoragePath, output: StoragePath, card: ScoreCard, *, replace: bool) -> None:
    """Make a finished folder the output.

    Raises:
        ConfigError: something was put there meanwhile that must not be replaced.
    """
    files.write_bytes(finished.child(CARD), card.to_json().encode())
    if files.exists(output):
        check_output(output, replace=replace)
        _replace(finished, output)
    else:
        files.move(finished, output)


def close_work(output: StoragePath) -> None:
    """Remove the folder for work in progress, unless another job uses it."""
    _remove_empty_folders(work_folder(output))


def _replace(finished: StoragePath, output: StoragePath) -> None:
    if output.is_local and _exchange(finished.path, output.path):
        files.remove_folder(finished)
        return
    aside = _previous(work_folder(output))
    files.remove_folder(aside)
    files.move(output, aside)
    files.move(finished, output)
    files.remove_folder(aside)


def _exchange(one: str, other: str) -> bool:
    """Exchange two folders atomically; False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0)


def _previous(work: StoragePath) -> StoragePath:
    return work.child("previous")


def _remove_empty_folders(work: StoragePath) -> None:
    """Remove local work folders that are empty; object stores have no empty folders."""
    if work.is_local:
        with suppress(OSError):
            os.rmdir(f"{work.path}/scratch")
            os.rmdir(work.path)
