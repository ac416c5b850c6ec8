"""Metrics for TensorBoard: the folders `train` and `validation` hold the same names, so that their curves overlay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import tensorflow as tf

from pipeline.store.filesystem import Root, open_root
from pipeline.train.records import EpochRecord

SPLITS = ("train", "validation")
VALIDATION = "val_"


class Board:
    """Writes epochs, or nothing where there is no folder."""

    def __init__(self, writers: dict[str, Any]) -> None:
        """A writer of TensorFlow's by split."""
        self._writers = writers

    def write(self, record: EpochRecord) -> None:
        """One epoch's metrics, which are on disk when this returns."""
        for split, writer in self._writers.items():
            with writer.as_default(step=record.epoch):
                for name, value in _metrics(record, split).items():
                    tf.summary.scalar(name, value)
            writer.flush()


@contextmanager
def open_board(folder: str | None) -> Iterator[Board]:
    """A board for the length of a block; `folder` is a URI, None writes nothing."""
    with ExitStack() as stack:
        place = open_root(folder) if folder else None
        writers = {split: tf.summary.create_file_writer(_path(place, split)) for split in SPLITS} if place else {}
        for writer in writers.values():
            stack.callback(writer.close)
        yield Board(writers)


def _metrics(record: EpochRecord, split: str) -> dict[str, float]:
    if split == "validation":
        return {
            name.removeprefix(VALIDATION): value
            for name, value in record.metrics.items()
            if name.startswith(VALIDATION)
        }
    own = {name: value for name, value in record.metrics.items() if not name.startswith(VALIDATION)}
    return own | {"rows_per_second": record.rows_per_second}


def _path(place: Root, split: str) -> str:
    folder = place.within(split)
    return folder.path if place.is_local else folder.uri
