"""Class weights: how much a training row counts for its class.

Computed without TensorFlow, so that a mistake is reported before ranks start.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.errors import ConfigError, Problem, gather, nearest
from pipeline.schemas.label import LabelSpec


def class_weights_of(label: LabelSpec, wanted: str | Mapping[str, float]) -> tuple[float, ...] | None:
    """The weight of each class, by id, with a mean of 1 over training rows.

    Args:
        label: the fitted label, with the number of training rows of each class.
        wanted: `train.class_weights`: `none`, `balanced` (a class counts as much as any other, however many rows it
            has), or the weight of each class by name, 1 for those that are not named.

    Returns:
        The weights; None if all rows count alike.

    Raises:
        ConfigError: the label has no classes, or not the named ones.
    """
    if wanted == "none":
        return None
    _check(label, wanted)
    rows = sum(label.counts)
    if isinstance(wanted, str):
        weights = [rows / (len(label.classes) * count) for count in label.counts]
    else:
        weights = [wanted.get(name, 1.0) for name in label.classes]
    mean = sum(weight * count for weight, count in zip(weights, label.counts, strict=True)) / rows
    if mean == 0.0:
        raise ConfigError(
            f"train.class_weights leaves no training row of label '{label.name}' any weight. "
            "Allowed: a weight above 0 for one class at least. Give more classes a weight."
        )
    return tuple(weight / mean for weight in weights)


def _check(label: LabelSpec, wanted: str | Mapping[str, float]) -> None:
    if not label.classes:
        raise ConfigError(
            f"train.class_weights is for labels with classes; the label '{label.name}' is a number. Allowed: none. "
            f"Received: {wanted if isinstance(wanted, str) else dict(wanted)}. Remove it, or weigh rows by data.weight."
        )
    unknown = [] if isinstance(wanted, str) else [name for name in wanted if name not in label.classes]
    if unknown:
        problems = [
            Problem(f"train.class_weights names '{name}', which is no class of label '{label.name}'", remedy=remedy)
            for name in unknown
            for remedy in [nearest(name, label.classes)]
        ]
        raise ConfigError(gather("train.class_weights does not fit the label", problems))
