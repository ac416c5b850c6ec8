"""A feed's blocks as tensors, read ahead of the model by a thread.

Not by `tf.data`: a dataset from a Python generator is three functions to trace, 0.1 s for the feeds of a training, and
TensorFlow keeps the generator, with all that it holds, for as long as it keeps any graph of that time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import tensorflow as tf

from pipeline.feed.block import Block
from pipeline.feed.blocks import BlockStream, Feed
from pipeline.feed.memory import BLOCKS_AHEAD
from pipeline.feed.rows import dtype_of


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
        self._first_step = first_step
        self._stream = BlockStream(feed, first_epoch, first_step, last_epoch)
        self._blocks = self._stream.blocks()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="blocks")
        self._ahead: deque[Future[Block]] = deque()

    def epoch(self) -> Iterator[Block]:
        """The blocks of the next epoch, as tensors; meanwhile those that follow are made, in the next epoch as well.

        Raises:
            StoreError: as the feed raised it.
            PlatformError: likewise.
        """
        blocks, self._first_step = self.feed.blocks_from(self._first_step), 0
        for _ in range(blocks):
            while len(self._ahead) <= BLOCKS_AHEAD:
                self._ahead.append(self._thread.submit(self._make))
            yield self._ahead.popleft().result()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the feed and what was read ahead."""
        # The stream first: the thread may be waiting for rows, and closing is what wakes it.
        self._stream.close()
        self._thread.shutdown(cancel_futures=True)
        self._ahead.clear()

    def _make(self) -> Block:
        """The next block. Its memory is taken over where it is, without a copy; see `buffers`."""
        with tf.device("CPU"):
            tensors: Block = tf.nest.map_structure(tf.convert_to_tensor, next(self._blocks))
        return tensors


def signature_of(feed: Feed) -> Block:
    """The shapes and types of a block's tensors, whatever its number of steps."""
    steps = (None, feed.plan.padded_rank_batch)
    return Block(
        tensors={spec.name: tf.TensorSpec((*steps, *spec.shape), tf.as_dtype(dtype_of(spec))) for spec in feed.specs},
        label=tf.TensorSpec(steps, tf.float32),
        weight=tf.TensorSpec(steps, tf.float32),
        mask=tf.TensorSpec(steps, tf.bool),
        rows=tf.TensorSpec(steps[:1], tf.float32),
    )
