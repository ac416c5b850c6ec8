"""Scales the unscaled rows that folds share (see `kinds/shared_fold_rows.py`), as a store of one fold would hold them.

The numbers are those of `preparation/writing/store_columns.py`, computed in the same order and in double precision
until the last step. Texts are stored as ids of a vocabulary that all folds share; a table maps each to the fold's id,
or number. For example, if the shared vocabulary is a, b, c, d and the fold's is c, a:

    text          unknown  a  b  c  d
    id in files         0  1  2  3  4
    id of fold          0  2  0  1  0
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.arrays.values import Ids, Values
from pipeline.errors import Problem, StoreError, gather
from pipeline.feed.layout import Column, Layout, TensorLayout
from pipeline.kinds.feature import Feature
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.interfaces import number_arrays_of, text_arrays_of
from pipeline.kinds.shared_fold_rows import LABEL, PART, WEIGHT, SharedFoldRows, number_column
from pipeline.schemas.store_schema import ColumnSpec

TRAIN = "train"
"""The split whose rows get numbers to which their own labels did not contribute: see `MappedFeature.folds`."""


def fold_layout(shared_rows: SharedFoldRows, state: FittedFeatures, split: str) -> Layout:
    """The layout of one split of a fold.

    Args:
        shared_rows: the columns that the files hold.
        state: the fold's fitted features.
        split: the split of the fold to read.

    Raises:
        StoreError: naming the features that cannot be made from these files.
    """
    problems = list(_problems(shared_rows, state, split))
    if problems:
        raise StoreError(gather("A fold's features do not fit its rows", problems))
    rows = _SharedRowsReader(shared_rows, split)
    return Layout(
        tuple(
            ColumnSpec(name=name, type=kind, role="label" if name == LABEL else "extra")
            for name, kind in shared_rows.columns.items()
        ),
        tuple(TensorLayout(spec, rows.columns_of(spec.name, state)) for spec in state.tensors),
        LABEL,
        Column((WEIGHT,), partial(_relative_weights, state.weight_mean)) if state.weight else None,
    )


class _SharedRowsReader:
    """Makes a fold's columns from unscaled ones."""

    def __init__(self, shared_rows: SharedFoldRows, split: str) -> None:
        self._numbers = {name: number_column(position) for position, name in enumerate(shared_rows.numbers)}
        self._texts = {text.name: (text, shared_rows.text_columns(i)) for i, text in enumerate(shared_rows.texts)}
        self._split = split

    def columns_of(self, tensor: str, state: FittedFeatures) -> tuple[Column, ...]:
        """The columns of a tensor, feature by feature."""
        fed = [feature for feature in state.features if any(spec.name == tensor for spec in feature.tensors)]
        return tuple(column for feature in fed for column in self.columns(feature))

    def columns(self, feature: Feature) -> Iterator[Column]:
        """The columns of a feature, one for each slot."""
        if feature.reads == "number":
            (source,) = feature.inputs
            yield Column((self._numbers[source],), partial(number_arrays_of(feature.kind).of_numbers, feature))
            return
        text, names = self._texts[feature.name]
        by_fold = _by_fold(feature, self._split)
        table = text_arrays_of(feature.kind).table(feature, text, by_fold=by_fold)
        for name in names[: len(feature.columns)]:
            if by_fold:
                yield Column((name, PART), partial(_looked_up_in_part, name, table))
            else:
                yield Column((name,), partial(_looked_up, name, table))


def _relative_weights(mean: float, values: Values) -> npt.NDArray[np.float32]:
    return (values / mean).astype(np.float32)


def _looked_up(name: str, table: npt.NDArray[Any], ids: Ids) -> npt.NDArray[Any]:
    try:
        values: npt.NDArray[Any] = np.take(table, ids.view(np.uint32))  # negative ones are too large then
    except IndexError:
        raise ValueError(f"column '{name}' has an id that is not in 0 to {len(table) - 1}") from None
    return values


def _looked_up_in_part(name: str, tables: npt.NDArray[np.float32], ids: Ids, parts: Ids) -> npt.NDArray[Any]:
    count, width = tables.shape
    try:
        return tables[parts.view(np.uint32), ids.view(np.uint32)]
    except IndexError:
        allowed = f"0 to {width - 1}, or '{PART}' one that is not in 0 to {count - 1}"
        raise ValueError(f"column '{name}' has an id that is not in {allowed}") from None


def _by_fold(feature: Feature, split: str) -> bool:
    return split == TRAIN and feature.out_of_fold


def _problems(shared_rows: SharedFoldRows, state: FittedFeatures, split: str) -> Iterator[Problem]:
    remedy = "Prepare the folds again"
    texts = {text.name: text for text in shared_rows.texts}
    for number in state.of_numbers:
        if number.source not in shared_rows.numbers:
            yield Problem(f"Feature '{number.name}': the rows have no number '{number.source}'", remedy=remedy)
    for feature in state.of_texts:
        if feature.name not in texts:
            yield Problem(f"Feature '{feature.name}': the rows have no text of that name", remedy=remedy)
        elif not feature.can_be_derived_from(texts[feature.name]):
            what = f"Feature '{feature.name}': the rows' text has other values, slots or another separator"
            yield Problem(what, remedy=remedy)
        elif _by_fold(feature, split) and not shared_rows.has_parts:
            yield Problem(f"Feature '{feature.name}': the rows have no column '{PART}'", remedy=remedy)
    if state.weight and not shared_rows.weighted:
        yield Problem(f"Weight '{state.weight}': the rows have no weights", remedy=remedy)
    if state.label.task != shared_rows.task:
        yield Problem(f"Label '{state.label.name}'", shared_rows.task, state.label.task, remedy)
