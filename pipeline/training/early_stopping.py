"""When to stop, and which epoch was best, decided from numbers that are the same on every rank."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.config.train import EarlyStoppingConfig


@dataclass(frozen=True)
class EarlyStopping:
    """The state after some epochs, which every rank computes from the same losses.

    Attributes:
        config: `train.early_stopping`; None never stops early.
        best_epoch: the epoch with the lowest loss, counted from 0; -1 before the first.
        best: the lowest loss so far.
        reference: the loss that a later one must improve on by `min_delta`; changes only when one does.
        waited: the number of epochs since `reference` changed.
    """

    config: EarlyStoppingConfig | None
    best_epoch: int = -1
    best: float = math.inf
    reference: float = math.inf
    waited: int = 0

    def after(self, epoch: int, loss: float) -> EarlyStopping:
        """The state after one more epoch; the lowest loss is the best, by however little."""
        improved = loss < self.reference - (self.config.min_delta if self.config else 0.0)
        return replace(
            self,
            best_epoch=epoch if loss < self.best else self.best_epoch,
            best=min(loss, self.best),
            reference=loss if improved else self.reference,
            waited=0 if improved else self.waited + 1,
        )

    def is_best(self, epoch: int) -> bool:
        """Whether `epoch` is the best one so far."""
        return self.best_epoch == epoch

    def after_all(self, losses: Iterable[float]) -> EarlyStopping:
        """The state after the epochs of a history, the first counted as 0."""
        early_stopping = self
        for epoch, loss in enumerate(losses):
            early_stopping = early_stopping.after(epoch, loss)
        return early_stopping

    @property
    def stops(self) -> bool:
        """Whether training ends, because `patience` epochs have brought no improvement."""
        return self.config is not None and self.waited >= self.config.patience
