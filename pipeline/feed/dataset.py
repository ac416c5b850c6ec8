"""A feed's blocks as tensors, read ahead of the model by a thread of TensorFlow's.

All epochs come from one `tf.data` dataset, so the next epoch's rows are read while this one ends. A dataset an
epoch would trace its functions again each time, which took 0.1 s an epoch: most of the time of a small training.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import tensorflow as tf

from pipeline.contract.columns import ColumnSpec
from pipeline.feed.blocks import Block, BlockStream, Feed, dtype_of
from pipeline.feed.memory import BLOCKS_AHEAD


class BlockReader:
    """Reads a feed epoch by epoch; a context manager, since its threads must end with the training."""

    def __init__(self, feed: Feed, first_epoch: int = 0, first_step: int = 0, *, last_epoch: int | None = None) -> None:
        """Nothing is read before the first block is asked for.

        Args:
            feed: what is read.
            first_epoch: where to begin.
            first_step: of that epoch; what comes before is not read, but for the rest of the row groups it ends in.
            last_epoch: where reading ahead ends; None goes on for ever.
        """
        self.feed = feed
        self._failures: list[Exception] = []
        self._first_step = first_step
        self._stream = BlockStream(feed, first_epoch, first_step, last_epoch)
        self._blocks = self._read() if feed.plan.steps else iter(())

    def epoch(self) -> Iterator[Block]:
        """The blocks of the next epoch, as tensors.

        Raises:
            StoreError: as the feed raised it. TensorFlow would wrap it in an error of its own and log both; so the
                dataset just ends, and the error is raised from here.
            PlatformError: likewise.
        """
        blocks, self._first_step = self.feed.blocks_from(self._first_step), 0
        for _ in range(blocks):
            block = next(self._blocks, None)
            if block is None:
                raise self._failures[0]
            yield block

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the feed and take what was read ahead."""
        self._stream.close()
        for _ in self._blocks:
            pass

    def _read(self) -> Iterator[Block]:
        def produce() -> Iterator[Block]:
            try:
                yield from self._stream.blocks()
            except Exception as error:
                self._failures.append(error)

        dataset = tf.data.Dataset.from_generator(produce, output_signature=signature_of(self.feed))
        return iter(dataset.prefetch(BLOCKS_AHEAD))


def signature_of(feed: Feed) -> Block:
    """The shapes and types of a block's tensors, whatever its number of steps."""
    batch, contract = feed.plan.local_batch, feed.store.contract
    return Block(
        numeric=tf.TensorSpec((None, batch, len(contract.names("numeric"))), tf.float32),
        categorical=tf.TensorSpec((None, batch, len(contract.names("categorical"))), tf.int32),
        label=tf.TensorSpec((None, batch), tf.float32),
        weight=tf.TensorSpec((None, batch), tf.float32),
        rows=tf.TensorSpec((None,), tf.float32),
        extras={spec.name: _tensor(batch, spec) for spec in contract.extras},
    )


def _tensor(batch: int, spec: ColumnSpec) -> tf.TensorSpec:
    dtype = tf.string if dtype_of(spec).hasobject else tf.as_dtype(spec.type)
    return tf.TensorSpec((None, batch, *spec.shape), dtype)
