"""Metrics for TensorBoard: the folders `train` and `validation` hold the same names, so that their curves overlay.

An event file is a file of records, each an event; so TensorBoard itself is needed by who looks at them only.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import tensorflow as tf

from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root, open_root
from pipeline.train.records import EpochRecord

SPLITS = ("train", "validation")
VALIDATION = "val_"
VERSION = "brain.Event:2"
"""What the first event of every file says."""


class Board:
    """Writes epochs, or nothing where there is no folder."""

    def __init__(self, writers: Mapping[str, Any]) -> None:
        """A writer of records by split."""
        self._writers = writers

    def write(self, record: EpochRecord) -> None:
        """One epoch's metrics, which are on disk when this returns."""
        for split, writer in self._writers.items():
            values = [
                tf.compat.v1.Summary.Value(tag=name, simple_value=value)
                for name, value in _metrics(record, split).items()
            ]
            summary = tf.compat.v1.Summary(value=values)
            writer.write(_event(step=record.epoch, summary=summary))
            writer.flush()


@contextmanager
def open_board(folder: str | None) -> Iterator[Board]:
    """A board for the length of a block; `folder` is a URI, None writes nothing."""
    with ExitStack() as stack:
        place = open_root(folder) if folder else None
        writers = {split: stack.enter_context(_open(place, split)) for split in SPLITS} if place else {}
        yield Board(writers)


def _open(place: Root, split: str) -> Any:
    """A new file: a training that goes on leaves what it wrote before."""
    file = place.within(split, f"events.out.tfevents.{time.time_ns()}")
    files.write_bytes(file, b"")
    writer = tf.io.TFRecordWriter(file.path if place.is_local else file.uri)
    writer.write(_event(file_version=VERSION))
    return writer


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
    own = {name: value for name, value in record.metrics.items() if not name.startswith(VALIDATION)}
    return own | {"rows_per_second": record.rows_per_second}
