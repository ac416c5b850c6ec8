"""What groups of rows are to one fitting or to several: a store has one, a cross-validation one for each fold.

Rows are told apart by an integer column of groups, such as their split. Everything that is learned can be learned for
all folds in one pass: queries answer by group, and each fold puts the answers of its own groups together.
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
"""For each group that plays a part: which split its rows are in, and how often each of them counts."""


@dataclass(frozen=True)
class Fold:
    """One fitting.

    Attributes:
        train: groups that are learned from, and how often each of their rows counts.
        validation: groups by which a training ends.
        test: groups that the model is measured on.
        name: of the fold, for people and files.
    """

    train: Mapping[int, int]
    validation: tuple[int, ...] = ()
    test: tuple[int, ...] = ()
    name: str = ""

    @contextmanager
    def named(self) -> Iterator[None]:
        """Say of an error in the block which fold it is of, where that has a name."""
        try:
            yield
        except PipelineError as error:
            if not self.name:
                raise
            raise type(error)(f"{self.name}: {error}") from error

    @property
    def roles(self) -> Roles:
        """What its groups are to it."""
        return {
            **{group: (TRAIN, times) for group, times in self.train.items()},
            **dict.fromkeys(self.validation, (VALIDATION, 1)),
            **dict.fromkeys(self.test, (TEST, 1)),
        }


@dataclass(frozen=True)
class FoldAssignment:
    """Groups of rows, and the folds that they make.

    Attributes:
        column: of integers, the group of a row.
        folds: at least one.
    """

    column: str = SPLIT
    folds: tuple[Fold, ...] = field(default=(Fold({TRAIN: 1}, (VALIDATION,), (TEST,)),))

    @property
    def used(self) -> tuple[int, ...]:
        """Groups that some fold uses."""
        return tuple(sorted({group for fold in self.folds for group in fold.roles}))

    @property
    def trained_on(self) -> tuple[int, ...]:
        """Groups that some fold learns from."""
        return tuple(sorted({group for fold in self.folds for group in fold.train}))

    def is_trained_on(self, fold: Fold, placement: RowPlacement) -> Mask:
        """[n]: whether a row is one that a fold learns from."""
        return np.isin(placement.of(self.column), [*fold.train])


WHOLE = FoldAssignment()
"""A store's own splits."""
