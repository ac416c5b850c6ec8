"""Which losses fit which label; decided without TensorFlow, so that a mistake is reported before ranks start."""

from __future__ import annotations

from pipeline.errors import ConfigError
from pipeline.losses import LOSSES, Loss
from pipeline.schemas.label import LabelSpec


def loss_of(label: LabelSpec, name: str) -> Loss:
    """The loss that `train.loss` selects for a label.

    Raises:
        ConfigError: there is no such loss, or it does not fit.
    """
    if name == "auto":
        return LOSSES.get(label.target.loss)
    loss = LOSSES.get(name)
    if not loss.fits(label.task):
        raise ConfigError(
            f"train.loss does not fit the {label.task} label '{label.name}'. "
            f"Allowed: auto, {', '.join(fitting_losses(label))}. Received: {name}."
        )
    return loss


def fitting_losses(label: LabelSpec) -> tuple[str, ...]:
    """Names of the registered losses that fit a label, the default first."""
    fitting = [name for name, loss in LOSSES.entries.items() if loss.fits(label.task)]
    return tuple(dict.fromkeys((label.target.loss, *fitting)))
