"""What a network's raw output z means for a label: its loss, and the prediction, both as the label's target says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.losses import RowLoss
from pipeline.model.losses import loss_of
from pipeline.schemas.label import LabelSpec


@dataclass(frozen=True)
class Head:
    """The meaning of a network's output.

    Attributes:
        label: the fitted label.
        row_loss: from the label [b] and z [b, k] to the loss of each row, [b].
        predict: from z to predictions, see `Target.prediction`.
    """

    label: LabelSpec
    row_loss: RowLoss
    predict: Callable[[Any], Any]


def build_head(label: LabelSpec, loss: str) -> Head:
    """The head that `train.loss` and the label ask for.

    Raises:
        ConfigError: the loss does not fit the label.
    """
    target = label.target
    return Head(label, target.row_loss(label, loss_of(label, loss).build()), target.prediction(label))
