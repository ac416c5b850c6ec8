"""A feed's blocks as a `tf.data` dataset, read ahead of the model by a thread of TensorFlow's."""

from __future__ import annotations

import tensorflow as tf

from pipeline.feed.blocks import Block, Feed

BLOCKS_AHEAD = 2


def block_dataset(feed: Feed, epoch: int, first_step: int = 0) -> tf.data.Dataset:
    """One epoch of `feed`; each element is a `Block` of tensors."""
    return tf.data.Dataset.from_generator(
        lambda: feed.epoch(epoch, first_step), output_signature=_signature(feed)
    ).prefetch(BLOCKS_AHEAD)


def _signature(feed: Feed) -> Block:
    batch, state = feed.plan.local_batch, feed.store.features
    return Block(
        numeric=tf.TensorSpec((None, batch, len(state.numeric)), tf.float32),
        categorical=tf.TensorSpec((None, batch, len(state.categorical)), tf.int32),
        label=tf.TensorSpec((None, batch), tf.float32),
        weight=tf.TensorSpec((None, batch), tf.float32),
        rows=tf.TensorSpec((None,), tf.float32),
    )
