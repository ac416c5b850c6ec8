"""When to lower the learning rate, decided from numbers that are the same on every rank."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.config.callbacks import PlateauConfig


@dataclass(frozen=True)
class ReduceLROnPlateau:
    """The state after some epochs, which every rank computes from the same losses.

    Attributes:
        config: `train.reduce_on_plateau`; None never lowers the rate.
        rate: the learning rate of the next epoch.
        reference: the loss that a later one must improve on by `min_delta`.
        waited: the number of epochs since the last improvement, without those of a cooldown.
        cooling: the number of epochs left of a cooldown.
    """

    config: PlateauConfig | None
    rate: float
    reference: float = math.inf
    waited: int = 0
    cooling: int = 0

    def after(self, loss: float) -> ReduceLROnPlateau:
        """The state after one more epoch."""
        if self.config is None:
            return self
        if loss < self.reference - self.config.min_delta:
            return replace(self, reference=loss, waited=0, cooling=max(self.cooling - 1, 0))
        if self.cooling:
            return replace(self, waited=0, cooling=self.cooling - 1)
        if self.waited + 1 < self.config.patience:
            return replace(self, waited=self.waited + 1)
        lower = min(self.rate, max(self.rate * self.config.factor, self.config.lowest))
        return replace(self, rate=lower, waited=0, cooling=self.config.cooldown)

    def after_all(self, losses: Iterable[float]) -> ReduceLROnPlateau:
        """The state after the epochs of a history."""
        plateau = self
        for loss in losses:
            plateau = plateau.after(loss)
        return plateau
