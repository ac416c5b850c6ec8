"""An output folder appears complete or not at all, and one that is replaced stays readable until then.

    <parent>/NAME              the output
    <parent>/.NAME/scratch/    work in progress; on the same file system, so that one rename publishes it
    <parent>/.NAME/previous/   the earlier output, for the moment between two renames where folders cannot be exchanged

In an object store it is the files that its card lists, see `listed.py`.

What an output holds beside its files has names that begin with `_`, which readers of folders leave out:
`_score.json` marks the folder as an output and describes it; `_quarantine` holds rows that could not be scored.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress

from pipeline.errors import ConfigError
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.publish import sweep_scratch

CARD, QUARANTINE = "_score.json", "_quarantine"

_AT_FDCWD, _EXCHANGE = -100, 2
"""Of Linux: paths are relative to the working folder, and two of them change places."""


class ScoreCard(Document):
    """What an output is.

    Attributes:
        model_version: of all its rows.
        model: URI of the Keras file.
        sha256: of that file.
        source: what was scored.
        format: of its files.
        rows: in the output.
        quarantined: rows that were set aside.
        files: bytes of each file by name, in an object store, where other files may lie beside; else empty.
    """

    model_version: str
    model: str
    sha256: str
    source: str
    format: str
    rows: int
    quarantined: int
    files: Mapping[str, int] = {}


def work_folder(output: StoragePath) -> StoragePath:
    """Where work in progress lies."""
    return output.folder.child(f".{output.path.rpartition('/')[2]}")


def check_output(output: StoragePath, *, replace: bool) -> None:
    """Put back what an interrupted job left aside, and make sure that the output may be written.

    Raises:
        ConfigError: something is there already that must not be replaced.
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
    if not files.exists(output.child(CARD)) and _holds_anything(output):
        raise not_an_output_error(output)


def output_exists_error(output: StoragePath) -> ConfigError:
    """Of an output that is there, where none may be replaced."""
    return ConfigError(
        f"The output '{output}' already exists. Choose another score.output, or set score.mode: overwrite."
    )


def not_an_output_error(output: StoragePath) -> ConfigError:
    """Of files that are no output."""
    return ConfigError(
        f"'{output}' exists, and is not the output of a scoring run: it has no {CARD}. Allowed with score.mode: "
        "overwrite is a new folder, or such an output. Correct score.output, or remove what is there."
    )


def publish_output(finished: StoragePath, output: StoragePath, card: ScoreCard, *, replace: bool) -> None:
    """Make a finished folder the output.

    Raises:
        ConfigError: meanwhile something was put there that must not be replaced.
    """
    files.write_bytes(finished.child(CARD), card.to_json().encode())
    if files.exists(output):
        check_output(output, replace=replace)
        _replace(finished, output)
    else:
        files.move(finished, output)


def close_work(output: StoragePath) -> None:
    """Remove the folder of work in progress, unless another job works there."""
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
    """Let two folders change places, at once; False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0)


def _previous(work: StoragePath) -> StoragePath:
    return work.child("previous")


def _holds_anything(folder: StoragePath) -> bool:
    return files.size_of(folder) is not None or bool(files.list_files(folder))


def _remove_empty_folders(work: StoragePath) -> None:
    """Local folders that are empty go; elsewhere there are none."""
    if work.is_local:
        with suppress(OSError):
            os.rmdir(f"{work.path}/scratch")
            os.rmdir(work.path)
