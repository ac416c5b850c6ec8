"""The roles of groups of rows in folds; a store counts as one fold, a cross-validation has several.

An integer column assigns each row to a group, such as its split. Statistics of all folds are collected in one pass: a
query aggregates by group, and each fold combines the results of its own groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from pipeline.arrays.masks import Mask
from pipeline.errors import PipelineError
from pipeline.preparation.rows.split import TEST, TRAIN, VALIDATION
from pipeline.preparation.rows.typed_rows import SPLIT, RowPlacement

Roles = Mapping[int, tuple[int, int]]
"""By group: the split of its rows in a fold, and how often each row counts."""


@dataclass(frozen=True)
class Fold:
    """The groups of a fold.

    Attributes:
        train: groups of training rows, and how often each of their rows counts.
        validation: groups of validation rows, by which training stops early.
        test: groups of rows on which the model is evaluated.
        name: the name of the fold, in messages and of its folder.
    """

    train: Mapping[int, int]
    validation: tuple[int, ...] = ()
    test: tuple[int, ...] = ()
    name: str = ""

    @contextmanager
    def named(self) -> Iterator[None]:
        """Prefix errors raised in the block with the name of the fold, if it has one."""
        try:
            yield
        except PipelineError as error:
            if not self.name:
                raise
            raise type(error)(f"{self.name}: {error}") from error

    @property
    def roles(self) -> Roles:
        """The roles of its groups."""
        return {
            **{group: (TRAIN, times) for group, times in self.train.items()},
            **dict.fromkeys(self.validation, (VALIDATION, 1)),
            **dict.fromkeys(self.test, (TEST, 1)),
        }


@dataclass(frozen=True)
class FoldAssignment:
    """A column of groups, and the folds that are made of them.

    Attributes:
        column: the integer column with the group of each row.
        folds: the folds, at least one.
    """

    column: str = SPLIT
    folds: tuple[Fold, ...] = field(default=(Fold({TRAIN: 1}, (VALIDATION,), (TEST,)),))

    @property
    def used(self) -> tuple[int, ...]:
        """Groups that any fold uses, ascending."""
        return tuple(sorted({group for fold in self.folds for group in fold.roles}))

    @property
    def trained_on(self) -> tuple[int, ...]:
        """Groups that any fold trains on, ascending."""
        return tuple(sorted({group for fold in self.folds for group in fold.train}))

    def is_trained_on(self, fold: Fold, placement: RowPlacement) -> Mask:
        """[n]: whether a row is a training row of a fold."""
        return np.isin(placement.of(self.column), [*fold.train])


WHOLE = FoldAssignment()
"""The splits of a store, as one fold."""
