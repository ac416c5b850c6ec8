"""When to lower the learning rate, decided from numbers that every rank has alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.config.callbacks import PlateauConfig


@dataclass(frozen=True)
class ReduceLROnPlateau:
    """What is known after some epochs.

    Attributes:
        config: None never lowers the rate.
        rate: the learning rate from now on.
        reference: the loss that a later one must improve on by `min_delta`.
        waited: epochs since one did, those of a cooldown left out.
        cooling: epochs of the cooldown that are left.
    """

    config: PlateauConfig | None
    rate: float
    reference: float = math.inf
    waited: int = 0
    cooling: int = 0

    def after(self, loss: float) -> ReduceLROnPlateau:
        """With one more epoch."""
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
        """With the epochs of a history."""
        plateau = self
        for loss in losses:
            plateau = plateau.after(loss)
        return plateau
