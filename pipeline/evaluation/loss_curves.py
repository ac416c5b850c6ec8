"""The losses of a training run, epoch by epoch, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LossCurves:
    """The losses of a training run, epoch by epoch.

    Attributes:
        training: training losses, [epochs], as measured while the weights changed; NaN where unknown.
        validation: validation losses, [epochs]; empty without validation rows.
        best: the epoch whose weights are kept, counted from 1.
        planned: number of epochs in the configuration.
        constant: training loss of the best constant prediction; None if unknown.
        unexplained: share of a constant prediction's loss, or squared error, on training rows that the best epoch left;
            None if unknown.
        train_only_regularizers: settings that raise the training loss alone, such as `model.dropout`.
        comparable: whether both losses weigh rows alike; class weights count in training alone.
    """

    training: Floats
    validation: Floats
    best: int
    planned: int
    constant: float | None = None
    unexplained: float | None = None
    train_only_regularizers: tuple[str, ...] = ()
    comparable: bool = True

    @property
    def watched(self) -> Floats:
        """The monitored loss: of validation rows, if there are any."""
        return self.validation if self.validation.size else self.training

    @property
    def level(self) -> float:
        """What differences are measured against."""
        return self.constant if self.constant is not None else float(self.training[0])


def loss_curves(
    history: Mapping[str, Sequence[float | None]],
    *,
    best: int,
    planned: int,
    constant: float | None = None,
    deviation: float | None = None,
    train_only_regularizers: Sequence[str] = (),
    comparable: bool = True,
) -> LossCurves:
    """The loss curves in a history.

    Args:
        history: a value an epoch, as Keras keys it: `loss` and `val_loss`, and `rmse` where there is one.
        best: the epoch whose weights are kept, counted from 1.
        planned: number of epochs in the configuration.
        constant: see `Target.constant_loss`.
        deviation: standard deviation of a label that is a number, over training rows, in its unit.
        train_only_regularizers: settings that raise the training loss alone.
        comparable: whether both losses weigh rows alike.
    """
    training, validation, rmse = (
        np.array(history.get(name, ()), dtype=np.float64) for name in ("loss", "val_loss", "rmse")
    )
    unexplained = None
    if constant and training.size:
        unexplained = float(training.min()) / constant
    elif deviation and rmse.size:
        unexplained = (float(rmse.min()) / deviation) ** 2
    return LossCurves(
        training, validation, best, planned, constant, unexplained, tuple(train_only_regularizers), comparable
    )
