"""A feed's blocks as a `tf.data` dataset, read ahead of the model by a thread of TensorFlow's."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from pipeline.feed.blocks import Block, Feed

BLOCKS_AHEAD = 2


def read_blocks(feed: Feed, epoch: int, first_step: int = 0) -> Iterator[Block]:
    """One epoch of `feed`, as `Block`s of tensors.

    Raises:
        StoreError: as the feed raised it. TensorFlow would wrap it in an error of its own and log both; so the
            dataset just ends, and the error is raised from here.
    """
    failures: list[Exception] = []

    def produce() -> Iterator[Block]:
        try:
            yield from feed.epoch(epoch, first_step)
        except Exception as error:
            failures.append(error)

    yield from tf.data.Dataset.from_generator(produce, output_signature=_signature(feed)).prefetch(BLOCKS_AHEAD)
    if failures:
        raise failures[0]


def _signature(feed: Feed) -> Block:
    batch, state = feed.plan.local_batch, feed.store.features
    return Block(
        numeric=tf.TensorSpec((None, batch, len(state.numeric)), tf.float32),
        categorical=tf.TensorSpec((None, batch, len(state.categorical)), tf.int32),
        label=tf.TensorSpec((None, batch), tf.float32),
        weight=tf.TensorSpec((None, batch), tf.float32),
        rows=tf.TensorSpec((None,), tf.float32),
    )
