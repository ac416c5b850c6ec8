"""Metrics for TensorBoard: the folders `train` and `validation` hold the same names, so that their curves overlay.

An event file is a file of records, each an event, so writing one does not need TensorBoard. Objects cannot grow: in an
object store, which TensorFlow does not reach, the whole file is written again after each epoch.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.training.records import EpochRecord

SPLITS = ("train", "validation")
VALIDATION = "val_"
VERSION = "brain.Event:2"
"""The content of the first event of every file."""


class Board:
    """Writes epochs, or nothing where there is no folder."""

    def __init__(self, logs: Mapping[str, _EventFile]) -> None:
        """A file by split."""
        self._logs = logs

    def write(self, record: EpochRecord) -> None:
        """Write one epoch's metrics; they are on disk when this returns."""
        for split, log in self._logs.items():
            values = [
                tf.compat.v1.Summary.Value(tag=name, simple_value=value)
                for name, value in _metrics(record, split).items()
            ]
            summary = tf.compat.v1.Summary(value=values)
            log.add(_event(step=record.epoch, summary=summary))


class _EventFile:
    """An open file of events."""

    def __init__(self, file: StoragePath, written: str, writer: Any) -> None:
        """`written` is the path that TensorFlow writes to: the file itself, or a local one that is copied there."""
        self._file, self._written, self._writer = file, written, writer

    def add(self, event: bytes) -> None:
        """Write an event; it is in the file when this returns.

        Raises:
            OSError: it cannot be written, with the path.
        """
        try:
            self._writer.write(event)
            self._writer.flush()
        except tf.errors.OpError as error:
            raise OSError(f"Metrics for TensorBoard cannot be written: {error.message}") from error
        if not self._file.renames_folders:
            files.write_bytes(self._file, Path(self._written).read_bytes())


@contextmanager
def open_board(folder: str | None) -> Iterator[Board]:
    """A board for the length of a block; `folder` is a URI, None writes nothing."""
    with ExitStack() as stack:
        root = storage_path(folder) if folder else None
        yield Board({split: _open(root, split, stack) for split in SPLITS} if root else {})


def _open(folder: StoragePath, split: str, stack: ExitStack) -> _EventFile:
    """A new file: a resumed run keeps what it wrote before."""
    file = folder.child(split, f"events.out.tfevents.{time.time_ns()}")
    if file.renames_folders:
        files.write_bytes(file, b"")
        written = file.path if folder.is_local else file.uri
    else:
        written = f"{stack.enter_context(tempfile.TemporaryDirectory())}/events"
    log = _EventFile(file, written, stack.enter_context(tf.io.TFRecordWriter(written)))
    log.add(_event(file_version=VERSION))
    return log


def _event(**content: Any) -> bytes:
    event: bytes = tf.compat.v1.Event(wall_time=time.time(), **content).SerializeToString()
    return event


def _metrics(record: EpochRecord, split: str) -> dict[str, float]:
    if split == "validation":
        return {
            name.removeprefix(VALIDATION): value
            for name, value in record.metrics.items()
            if name.startswith(VALIDATION)
        }
    training = {name: value for name, value in record.metrics.items() if not name.startswith(VALIDATION)}
    return training | {"rows_per_second": record.rows_per_second}
