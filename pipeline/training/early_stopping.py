"""When to stop, and which epoch was best; decided from numbers that every rank has alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.config.train import EarlyStoppingConfig


@dataclass(frozen=True)
class EarlyStopping:
    """What is known after some epochs.

    Attributes:
        config: None never stops early.
        best_epoch: counted from 0; -1 before the first epoch.
        best: the lowest loss so far.
        reference: the loss that a later one must improve on by `min_delta`; it moves only when one does.
        waited: epochs since it moved.
    """

    config: EarlyStoppingConfig | None
    best_epoch: int = -1
    best: float = math.inf
    reference: float = math.inf
    waited: int = 0

    def after(self, epoch: int, loss: float) -> EarlyStopping:
        """With one more epoch; the lowest loss is the best, however little it is lower."""
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
        """With the epochs of a history, the first one counted as 0."""
        early_stopping = self
        for epoch, loss in enumerate(losses):
            early_stopping = early_stopping.after(epoch, loss)
        return early_stopping

    @property
    def stops(self) -> bool:
        """Whether patience is at its end."""
        return self.config is not None and self.waited >= self.config.patience
