"""The head of a network: loss and prediction from its raw output z, as the label's target defines them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.losses import RowLoss
from pipeline.model.losses import loss_of
from pipeline.schemas.label import LabelSpec


@dataclass(frozen=True)
class Head:
    """Loss and prediction from a network's output.

    Attributes:
        label: the fitted label.
        row_loss: function of the label [b] and z [b, k] that gives the loss of each row, [b].
        predict: function of z that gives predictions, see `Target.prediction`.
    """

    label: LabelSpec
    row_loss: RowLoss
    predict: Callable[[Any], Any]


def build_head(label: LabelSpec, loss: str) -> Head:
    """The head for a label and the setting `train.loss`.

    Raises:
        ConfigError: the loss does not fit the label.
    """
    target = label.target
    return Head(label, target.row_loss(label, loss_of(label, loss).build()), target.prediction(label))
