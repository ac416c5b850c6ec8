"""Which losses fit which label; known without TensorFlow, so that a wrong one is named before ranks start."""

from __future__ import annotations

from pipeline.errors import ConfigError
from pipeline.schemas.label import LabelSpec, Task

FITTING = {
    Task.REGRESSION: ("mse", "mae", "huber"),
    Task.BINARY: ("cross_entropy",),
    Task.MULTICLASS: ("cross_entropy",),
}
"""The losses of each task; `auto` means the first."""


def loss_of(label: LabelSpec, loss: str) -> str:
    """The loss that `train.loss` means for this label.

    Raises:
        ConfigError: it does not fit.
    """
    fitting = FITTING[label.task]
    if loss == "auto":
        return fitting[0]
    if loss not in fitting:
        raise ConfigError(
            f"train.loss does not fit the {label.task} label '{label.name}'. "
            f"Allowed: auto, {', '.join(fitting)}. Received: {loss}."
        )
    return loss
