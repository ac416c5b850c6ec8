"""Batches of one rank for several steps, as numpy arrays of fixed shape.

A block of k steps of a rank whose batches hold b rows:

    tensors  by name  [k, b, *shape]  as the specs of the store's contract say, see `schemas/tensors.py`
    label    float32  [k, b]
    weight   float32  [k, b]          how much a real row counts, 1 by default; 0 for padding
    mask     bool     [k, b]          True for real rows, False for padding
    rows     float32  [k]             number of real rows in the global batch, over all ranks, whatever their weight

Several steps travel together because each call from Python into TensorFlow costs about as much as a small step. A
padding row is all zeros, and its texts are empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.feed.plan import Ints
from pipeline.feed.rows import TENSOR, Empty, dtype_of
from pipeline.schemas.tensors import TensorSpec


class Block(NamedTuple):
    """k steps of one rank; shapes at the top of this module."""

    tensors: Mapping[str, npt.NDArray[Any]]
    label: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.float32]

    def step(self, number: Any) -> Block:
        """One step, without the first axis; works on tensors within `tf.function`, too."""
        tensors = {name: tensor[number] for name, tensor in self.tensors.items()}
        return Block(tensors, self.label[number], self.weight[number], self.mask[number], self.rows[number])


def empty_block(specs: Sequence[TensorSpec], rows: Ints, batch: int, empty: Empty) -> Block:
    """A block whose arrays have any content, but for `rows`.

    Args:
        specs: the specs of its tensors.
        rows: number of real rows in each global batch, [k].
        batch: b, the padded number of rows in a step.
        empty: allocates its arrays.
    """
    shape = (len(rows), batch)
    return Block(
        {spec.name: empty((*shape, *spec.shape), dtype_of(spec)) for spec in specs},
        empty(shape, np.float32),
        empty(shape, np.float32),
        empty(shape, np.bool_),
        rows.astype(np.float32),
    )


def pad_block(flat: dict[str, npt.NDArray[Any]], mask: npt.NDArray[np.bool_]) -> None:
    """Fill the slots behind the real rows with zeros and empty texts."""
    padding = (~mask).ravel().nonzero()[0]
    for column in flat.values():
        column[padding] = b"" if column.dtype.hasobject else 0


def flat_columns(block: Block) -> dict[str, npt.NDArray[Any]]:
    """Views of the block's columns with one axis for all rows of all steps, named as in `Rows.arrays`."""
    columns = {"label": block.label, "weight": block.weight}
    columns |= {TENSOR + name: tensor for name, tensor in block.tensors.items()}
    return {name: column.reshape(block.mask.size, *column.shape[2:]) for name, column in columns.items()}


def batch_slots(counts: Ints, filled: Ints, batch: int) -> Ints:
    """The slots of `counts.sum()` rows that follow, in order, the slots of each step that are filled already."""
    step = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(step)) - np.repeat(np.cumsum(counts) - counts, counts)
    slots: Ints = step * batch + within + filled[step]
    return slots
