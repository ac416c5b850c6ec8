"""The loss by learning rate that the finder measures, and the rate that follows from it.

The loss of each step is over all ranks. Smoothed, it first stays flat, then falls, and finally explodes; the rate at
which it falls fastest, over the logarithm of the rate, is a good one to train with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.errors import TrainError
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath

FILE = "learning-rates.json"
NEIGHBOURS = 20
"""A smoothed loss is the mean of up to this share of all losses on each side."""
EXPLODED = 4.0
"""Times the lowest smoothed loss."""
LEAST_STEPS = 10
"""Before any loss counts as exploded."""


class RateCurve(Document):
    """The curve of the finder.

    Attributes:
        rates: the learning rates that were tried, rising.
        losses: the loss of each step, over all ranks.
        smoothed: the losses without most of the noise.
        chosen: the rate at which the smoothed loss falls fastest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    chosen: float


def curve_of(rates: Sequence[float], losses: Sequence[float]) -> RateCurve:
    """The curve of steps with rising rates, up to the first loss that is not finite.

    Raises:
        TrainError: the loss never falls.
    """
    count = next((number for number, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
    smoothed = smooth(losses[:count])
    slopes = [
        (smoothed[number + 1] - smoothed[number - 1]) / math.log(rates[number + 1] / rates[number - 1])
        for number in range(1, count - 1)
    ]
    if not slopes or min(slopes) >= 0.0:
        raise TrainError(
            f"train.find_learning_rate found no rate between {rates[0]:g} and {rates[max(count - 1, 0)]:g} at which "
            "the loss falls. Lower find_learning_rate.lowest, or raise find_learning_rate.steps."
        )
    chosen = rates[1 + slopes.index(min(slopes))]
    return RateCurve(rates=tuple(rates[:count]), losses=tuple(losses[:count]), smoothed=tuple(smoothed), chosen=chosen)


def smooth(losses: Sequence[float]) -> list[float]:
    """The mean of each loss and its neighbours, the same number on both sides, so that the curve is not shifted."""
    smoothed = []
    for number in range(len(losses)):
        reach = min(max(len(losses) // NEIGHBOURS, 1), number, len(losses) - 1 - number)
        near = losses[number - reach : number + reach + 1]
        smoothed.append(sum(near) / len(near))
    return smoothed


def write_curve(folder: StoragePath, curve: RateCurve) -> None:
    """Write the curve for the driver."""
    files.write_atomically(folder.child(FILE), curve.to_json().encode())


def read_curve(folder: StoragePath) -> RateCurve | None:
    """The curve that the ranks of a launch wrote; None where the finder did not run."""
    file = folder.child(FILE)
    return RateCurve.from_json(files.read_bytes(file), str(file)) if files.exists(file) else None


def explodes(losses: Sequence[float]) -> bool:
    """Whether the last losses are far above the lowest one, or not finite."""
    if len(losses) < LEAST_STEPS:
        return False
    return not math.isfinite(losses[-1]) or min(losses[-3:]) > EXPLODED * min(smooth(losses))
