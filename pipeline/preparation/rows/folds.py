"""Folds of a cross-validation: the groups of rows that each trains on, validates on and is evaluated on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pipeline.errors import Problem
from pipeline.preparation.rows.fold_placement import MOST_DRAWS, FoldPlan, group_column
from pipeline.preparation.rows.fold_roles import Fold, FoldAssignment
from pipeline.store.layout import fold_folder

FoldUse = Literal["measure", "choose", "nested"]

INNER = "inner"
"""Part of the name of inner folds, after the name of their outer fold."""


def assignments(plan: FoldPlan, use: FoldUse = "measure") -> tuple[FoldAssignment, ...]:
    """The folds of each assignment: all folds of a repeat, or one fold of the bootstrap.

    Each part of the rows consists of two groups: group 2 * part are training rows, and group 2 * part + 1 are the
    validation rows of folds that train on the part.

    Args:
        plan: how rows are divided.
        use: `measure`: each fold is trained on the other parts, with their validation rows for early stopping, and
            evaluated on its own part. `choose`: it is trained on all rows of the other parts, and its own part are
            the validation rows by which settings are compared. `nested`: the folds of `measure`, each followed by
            inner folds to choose by, made of its training rows alone.
    """
    folds = 1 if plan.method == "bootstrap" else plan.folds
    return tuple(
        FoldAssignment(
            group_column(number),
            tuple(
                fold
                for index, parts in enumerate(_parts(plan))
                for fold in _folds(plan, use, fold_folder(number * folds + index), *parts)
            ),
        )
        for number in range(plan.assignments)
    )


def fold_problems(folds: Sequence[tuple[Fold, Mapping[str, int]]], undecided: int) -> list[Problem]:
    """Problems of the folds: rows in no fold, and folds without rows to train on or to be evaluated on.

    Args:
        folds: each fold with its number of rows by split.
        undecided: number of rows without the group or timestamp that decides.
    """
    problems = []
    if undecided:
        remedy = "Repair these rows, or correct data.group or data.time"
        problems.append(Problem(f"{undecided} rows lack the group or time of the folds", remedy=remedy))
    for use in ("train on", "be evaluated on"):
        for fold, rows in folds:
            measured = "test" if fold.test else "validation"
            if not rows["train" if use == "train on" else measured]:
                remedy = "Give more rows, or take fewer folds"
                problems.append(Problem(f"{fold.name} has no row to {use}", remedy=remedy))
    return problems


def _parts(plan: FoldPlan) -> Iterator[tuple[Mapping[int, int], int]]:
    """For each fold of an assignment, the parts to train on, with how often, and the part to evaluate on."""
    if plan.method == "bootstrap":
        yield {draws: draws for draws in range(1, MOST_DRAWS + 1)}, 0
        return
    for fold in range(plan.folds):
        if plan.time:
            first = 0 if plan.window is None else max(fold + 1 - plan.window, 0)
            yield dict.fromkeys(range(first, fold + 1), 1), fold + 1 + plan.gap
        else:
            yield {part: 1 for part in range(plan.folds) if part != fold}, fold


def _folds(plan: FoldPlan, use: FoldUse, name: str, trained: Mapping[int, int], measured: int) -> Iterator[Fold]:
    if use == "choose":
        yield _choosing(name, trained, measured)
        return
    ends = tuple(2 * part + 1 for part in trained)
    train = {2 * part: times for part, times in trained.items()}
    yield Fold(train, ends, (2 * measured, 2 * measured + 1), name)
    if use == "nested":
        inner = [*_inner(plan, trained)]
        for number, parts in enumerate(inner):
            yield _choosing(f"{name}-{INNER}-{number}", *parts)
        if not inner:
            yield Fold(train, ends, (), f"{name}-{INNER}-0")


def _choosing(name: str, trained: Mapping[int, int], measured: int) -> Fold:
    train = {group: times for part, times in trained.items() for group in (2 * part, 2 * part + 1)}
    return Fold(train, (2 * measured, 2 * measured + 1), (), name)


def _inner(plan: FoldPlan, trained: Mapping[int, int]) -> Iterator[tuple[Mapping[int, int], int]]:
    """Inner folds, of the parts that a fold trains on; none where these are too few, or drawn by a bootstrap."""
    if plan.method == "bootstrap":
        return
    for measured in trained:
        others = [part for part in trained if (part < measured - plan.gap if plan.time else part != measured)]
        if others:
            yield dict.fromkeys(others, 1), measured
