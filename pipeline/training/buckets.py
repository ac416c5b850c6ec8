"""Gradients are summed over hosts bucket by bucket, while the layers before are still being differentiated.

Backpropagation ends with the first layer, so buckets are filled from the last tensor on: a bucket is on its way as soon
as its own tensors are there. This needs a second thread of TensorFlow, see `configure_devices`: a single one keeps to
the chain of inputs' gradients and computes those of all weights at the end. See Li et al., PyTorch Distributed (VLDB
2020), and docs/scaling.md for what it gains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

BUCKET_BYTES = 4 << 20
"""A bucket is full from this size on; networks of up to a million weights have a single one."""


def split_into_buckets(tensors: Sequence[Any]) -> list[list[int]]:
    """The indices of each bucket's tensors, in the order in which backpropagation completes the buckets.

    Args:
        tensors: gradients in the order of layers; one whose shape is not known before it is computed counts nothing.
    """
    buckets: list[list[int]] = [[]]
    filled = 0
    for index in reversed(range(len(tensors))):
        if filled >= BUCKET_BYTES:
            buckets.append([])
            filled = 0
        buckets[-1].append(index)
        filled += (tensors[index].shape.num_elements() or 0) * tensors[index].dtype.size
    return buckets


def by_buckets(tensors: Sequence[Any], change: Callable[[list[list[Any]]], Sequence[Sequence[Any]]]) -> list[Any]:
    """What a function of all buckets makes of tensors, one by one.

    Args:
        tensors: see `split_into_buckets`.
        change: from the tensors of every bucket to as many others.
    """
    buckets = split_into_buckets(tensors)
    changed = change([[tensors[index] for index in bucket] for bucket in buckets])
    done: dict[int, Any] = {}
    for bucket, results in zip(buckets, changed, strict=True):
        done |= zip(bucket, results, strict=True)
    return [done[index] for index in range(len(tensors))]
