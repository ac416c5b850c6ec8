"""Fits the label: a number to estimate, or one of several classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.arrays.moments import Moments
from pipeline.arrays.text_clues import NUMBER
from pipeline.arrays.text_types import describe_texts
from pipeline.arrays.values import Values
from pipeline.config.data import DataConfig
from pipeline.config.features import TargetConfig
from pipeline.errors import DataError, Problem, gather, nearest
from pipeline.kinds.scaled.fit import fit_power
from pipeline.preparation.statistics.label_statistics import LabelStatistics
from pipeline.preparation.statistics.value_counter import MAX_CLASSES
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import TARGETS
from pipeline.store.layout import SPLITS

MOSTLY_DIFFERENT, FEW_CLASSES = 0.5, 20
"""A label with more classes than this share of its rows, and than these, has none that can be learned."""

ClassCounts = Mapping[str, tuple[int, int, int]]


def infer_task(data: DataConfig, label: LabelStatistics) -> str:
    """The configured task, else the one that follows from the label's values.

    Raises:
        DataError: some labels are numbers and others are not.
    """
    if data.task != "auto":
        return data.task
    if label.texts and label.numbers:
        raise DataError(
            f"Label '{data.label}' is a number in {label.numbers} rows and text in {label.texts}. "
            "Set data.task: regression to be shown the texts, and to set them aside up to data.bad_rows.budget, or "
            "binary or multiclass if they are classes."
        )
    if label.is_text:
        return "multiclass"
    return "binary" if label.zero_one == label.numbers else "regression"


def fit_classes(data: DataConfig, label: LabelStatistics, *, task: str, classes: ClassCounts) -> LabelSpec:
    """Fit a label with classes.

    Args:
        data: the label's name, task and positive class.
        label: its statistics.
        task: from `infer_task`; an inferred `multiclass` becomes `binary` where there are two classes.
        classes: number of rows of each class in each split.

    Raises:
        DataError: the classes do not fit the task.
    """
    names = sorted(classes) if label.is_text else sorted(classes, key=float)
    if task == "multiclass" and data.task == "auto" and len(names) == 2:
        task = "binary"
    problems = _class_problems(data, task, names, classes)
    if problems:
        raise DataError(gather(f"Label '{data.label}' cannot be learned", problems))
    if data.positive_class is not None:
        names.sort(key=lambda name: name == data.positive_class)
    return LabelSpec(name=data.label, task=task, classes=tuple(names), counts=tuple(classes[name][0] for name in names))


def label_power(target: TargetConfig, values: Values) -> float:
    """The lambda of the label's power transform; 1 where it has none."""
    return fit_power(values) if target.transform == "power" else 1.0


def fit_regression(
    name: str, target: TargetConfig, moments: Moments, power: float = 1.0, *, task: str = "regression"
) -> LabelSpec:
    """Fit a label that is a number.

    Args:
        name: the name of the label.
        target: how the label is transformed for the network.
        moments: moments of the transformed label, before it is scaled, in training rows.
        power: the lambda, from `label_power`.
        task: a task whose labels are numbers.
    """
    if target.transform == "none":
        return LabelSpec(name=name, task=task)
    assert moments.mean is not None
    return LabelSpec(
        name=name,
        task=task,
        transform=target.transform,
        power=power,
        center=moments.mean,
        scale=moments.std or 1.0,
    )


def _class_problems(data: DataConfig, task: str, names: Sequence[str], classes: ClassCounts) -> list[Problem]:
    label, shown = f"Label '{data.label}'", ", ".join(f"'{name}'" for name in names[:5])
    if len(names) == 1:
        return [Problem(f"{label} has one class only, {shown}", "two or more", remedy="Give rows of other classes")]
    if len(names) > MAX_CLASSES:
        remedy = _remedy_of_texts(names, "Correct data.label, or set data.task: regression")
        return [Problem(f"{label} has more than {MAX_CLASSES} classes, such as {shown}", remedy=remedy)]
    rows = sum(map(sum, classes.values()))
    if len(names) > max(FEW_CLASSES, MOSTLY_DIFFERENT * rows):
        what = f"{label} has {len(names):,} different values in {rows:,} rows, such as {shown}: too many for classes"
        return [Problem(what, remedy=_remedy_of_texts(names, "Correct data.label, or make fewer classes of it"))]
    if len(names) not in TARGETS.get(task).classes:
        remedy = "Set data.task: multiclass"
        return [Problem(f"{label} has {len(names)} classes, such as {shown}", "two", f"{len(names)}", remedy)]
    unseen = [name for name in names if any(classes[name]) and not classes[name][0]]
    problems = [_unseen(label, name, classes[name]) for name in unseen]
    if data.positive_class is not None and not TARGETS.get(task).has_positive:
        problems.append(Problem("data.positive_class is for two classes", "two", f"{len(names)}", "Leave it out"))
    elif data.positive_class is not None and data.positive_class not in names:
        hint = nearest(data.positive_class, names)
        problems.append(Problem(f"Label '{data.label}' has no class '{data.positive_class}'", remedy=hint))
    return problems


def _remedy_of_texts(names: Sequence[str], otherwise: str) -> str:
    """What to do about a label with too many values: they may be numbers with signs that are not configured."""
    _, clues = describe_texts(pa.array(names))
    seen = dict(zip(clues["clue"].to_pylist(), clues["count"].to_pylist(), strict=True))
    if seen.get(NUMBER, 0) < MOSTLY_DIFFERENT * len(names):
        return otherwise
    return "If they are numbers, set data.source.thousands and decimal, such as thousands: ',' for 2,001.05"


def _unseen(label: str, name: str, counts: tuple[int, int, int]) -> Problem:
    counts_by_split = [f"{count} in {split}" for split, count in zip(SPLITS, counts, strict=True) if count]
    return Problem(
        f"{label} has a class that no training row has, '{name}'",
        received=", ".join(counts_by_split),
        remedy="Give more rows of it, remove it, or change the seed",
    )
