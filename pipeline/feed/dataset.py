"""A feed's blocks as tensors, read ahead of the model by a thread of TensorFlow's.

All epochs come from one `tf.data` dataset, so the next epoch's files are opened while this one ends. A dataset an
epoch would trace its functions again each time, which took 0.1 s an epoch: most of the time of a small training.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Self

import tensorflow as tf

from pipeline.feed.blocks import Block, Feed

BLOCKS_AHEAD = 2


class BlockReader:
    """Reads a feed epoch by epoch; a context manager, since its threads must end with the training."""

    def __init__(self, feed: Feed, first_epoch: int = 0) -> None:
        """Nothing is read before the first block is asked for."""
        self.feed = feed
        self._failures: list[Exception] = []
        self._closing = False
        self._blocks = self._read(first_epoch) if feed.blocks_per_epoch else iter(())

    def epoch(self) -> Iterator[Block]:
        """The blocks of the next epoch, as tensors.

        Raises:
            StoreError: as the feed raised it. TensorFlow would wrap it in an error of its own and log both; so the
                dataset just ends, and the error is raised from here.
        """
        for _ in range(self.feed.blocks_per_epoch):
            block = next(self._blocks, None)
            if block is None:
                raise self._failures[0]
            yield block

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the feed and take what was read ahead."""
        self._closing = True
        for _ in self._blocks:
            pass

    def _read(self, first_epoch: int) -> Iterator[Block]:
        def produce() -> Iterator[Block]:
            try:
                for epoch in count(first_epoch):
                    for block in self.feed.epoch(epoch):
                        if self._closing:
                            return
                        yield block
            except Exception as error:
                self._failures.append(error)

        dataset = tf.data.Dataset.from_generator(produce, output_signature=_signature(self.feed))
        return iter(dataset.prefetch(BLOCKS_AHEAD))


def _signature(feed: Feed) -> Block:
    batch, state = feed.plan.local_batch, feed.store.features
    return Block(
        numeric=tf.TensorSpec((None, batch, len(state.numeric)), tf.float32),
        categorical=tf.TensorSpec((None, batch, len(state.id_columns)), tf.int32),
        label=tf.TensorSpec((None, batch), tf.float32),
        weight=tf.TensorSpec((None, batch), tf.float32),
        rows=tf.TensorSpec((None,), tf.float32),
    )
