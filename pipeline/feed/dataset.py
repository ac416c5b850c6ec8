"""A feed's blocks as tensors, read ahead of the model by a thread.

`tf.data` does not serve: a dataset from a Python generator has three functions to trace (0.1 s for the feeds of a
training run), and TensorFlow keeps the generator, with all that it holds, as long as any graph of that time.
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
    """Reads a feed epoch by epoch; a context manager, since its threads must end with the training run."""

    def __init__(self, feed: Feed, first_epoch: int = 0, first_step: int = 0, *, last_epoch: int | None = None) -> None:
        """Nothing is read before the first block is asked for.

        Args:
            feed: the feed to read.
            first_epoch: the epoch to start with.
            first_step: the step of that epoch to start with; earlier rows are read only within the same row groups.
            last_epoch: the last epoch to read ahead; None never ends.
        """
        self.feed = feed
        self._first_step = first_step
        self._stream = BlockStream(feed, first_epoch, first_step, last_epoch)
        self._blocks = self._stream.blocks()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="blocks")
        self._ahead: deque[Future[Block]] = deque()

    def epoch(self) -> Iterator[Block]:
        """The blocks of the next epoch, as tensors; a thread makes the following ones ahead, across the epoch's end.

        Raises:
            StoreError: a file cannot be read, or does not match the manifest or the contract.
            PlatformError: a reading thread died or stalled.
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
        """Stop the feed, and drop what was read ahead."""
        # The stream first: the thread may wait for rows, and only closing wakes it; `shutdown` would wait for ever.
        self._stream.close()
        self._thread.shutdown(cancel_futures=True)
        self._ahead.clear()

    def _make(self) -> Block:
        """The next block; its tensors take over the arrays' memory without a copy, see `buffers`."""
        with tf.device("CPU"):
            tensors: Block = tf.nest.map_structure(tf.convert_to_tensor, next(self._blocks))
        return tensors


def signature_of(feed: Feed) -> Block:
    """Shapes and types of a block's tensors, for any number of steps."""
    steps = (None, feed.plan.padded_rank_batch)
    return Block(
        tensors={spec.name: tf.TensorSpec((*steps, *spec.shape), tf.as_dtype(dtype_of(spec))) for spec in feed.specs},
        label=tf.TensorSpec(steps, tf.float32),
        weight=tf.TensorSpec(steps, tf.float32),
        mask=tf.TensorSpec(steps, tf.bool),
        rows=tf.TensorSpec(steps[:1], tf.float32),
    )
