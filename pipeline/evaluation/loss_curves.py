"""The losses of a training run, epoch by epoch, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LossCurves:
    """How the loss went.

    Attributes:
        training: [epochs], as measured while the weights moved; NaN where it is not known.
        validation: [epochs]; empty without validation rows.
        best: the epoch whose weights are kept, counted from 1.
        planned: epochs that were asked for.
        constant: the training loss of the best constant prediction; None where it is not known.
        unexplained: what the best epoch left of a constant prediction's loss, or squared error, on training rows, as a
            share; None where it is not known.
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
        """The loss that decides: of validation rows where there are any."""
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
    """The curves of the loss.

    Args:
        history: a value an epoch, as Keras keys it: `loss` and `val_loss`, and `rmse` where there is one.
        best: the epoch whose weights are kept, counted from 1.
        planned: epochs that were asked for.
        constant: see `Target.constant_loss`.
        deviation: of a label that is a number, over training rows, in its unit.
        train_only_regularizers: settings that raise the training loss alone.
        comparable: whether both losses weigh rows alike.
    """
    training, validation, rmse = (_values(history, name) for name in ("loss", "val_loss", "rmse"))
    unexplained = None
    if constant and training.size:
        unexplained = float(training.min()) / constant
    elif deviation and rmse.size:
        unexplained = (float(rmse.min()) / deviation) ** 2
    return LossCurves(
        training, validation, best, planned, constant, unexplained, tuple(train_only_regularizers), comparable
    )


def _values(history: Mapping[str, Sequence[float | None]], name: str) -> Floats:
    return np.array(history.get(name, ()), dtype=np.float64)
