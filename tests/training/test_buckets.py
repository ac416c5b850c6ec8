"""Which gradients travel together, and in which order."""

from __future__ import annotations

import tensorflow as tf

from pipeline.training.buckets import BUCKET_BYTES, by_buckets, split_into_buckets

MILLION = BUCKET_BYTES // 4
"""Weights in float32 that fill a bucket."""


def layers(*weights: int) -> list[tf.TensorSpec]:
    return [tf.TensorSpec((count,), tf.float32) for count in weights]


def test_buckets_are_filled_from_the_last_layer_on():
    assert split_into_buckets(layers(10, MILLION, 5)) == [[2, 1], [0]]
    assert split_into_buckets(layers(MILLION - 1, 1, MILLION, MILLION + 1)) == [[3], [2], [1, 0]]


def test_a_small_network_has_a_single_bucket_and_none_is_empty():
    assert split_into_buckets(layers(64, 1, 64)) == [[2, 1, 0]]
    assert split_into_buckets(layers(MILLION)) == [[0]]
    assert split_into_buckets([]) == [[]]


def test_half_the_bytes_take_half_the_bucket_and_unknown_shapes_none():
    halves = [tf.TensorSpec((MILLION,), tf.float16)] * 3
    assert split_into_buckets(halves) == [[2, 1], [0]]
    assert split_into_buckets([tf.TensorSpec((None, 9), tf.float32)] * 3) == [[2, 1, 0]]


def test_results_return_to_their_tensors():
    tensors = [tf.fill([MILLION], float(number)) for number in range(3)]
    doubled = by_buckets(tensors, lambda buckets: [[2 * tensor for tensor in bucket] for bucket in buckets])
    assert [float(tensor[0]) for tensor in doubled] == [0.0, 2.0, 4.0]
