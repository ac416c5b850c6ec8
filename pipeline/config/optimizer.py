"""How weights follow from gradients."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, model_validator

from pipeline.optimizers import OPTIMIZERS, with_momentum
from pipeline.schemas.references import entry_of, stays_unresolved
from pipeline.schemas.section import Count, Number, Section

Positive = Annotated[Number, Field(gt=0.0)]


class OptimizerConfig(Section):
    """A Keras optimizer, and how the gradients of ranks are combined.

    Attributes:
        name: an entry of `pipeline/optimizers`, or `package.module:Class`, a Keras optimizer of the user's own.
        learning_rate: not scaled by the number of workers.
        momentum: of `sgd` and `rmsprop` only.
        weight_decay: the share of each weight that a step subtracts, times the learning rate; None takes the
            optimizer's default, which is not 0 for `adamw`, `lamb` and `lion`.
        clip_value: bounds each element of the gradient. Clipping applies to the gradient of the global batch.
        clip_norm: bounds the norm of each variable's gradient.
        clip_global_norm: bounds the norm of the whole gradient. Only one of the three may be given.
        backward_passes_per_step: global batches whose gradients are averaged for one step; ranks communicate once for
            all of them, unless losses are scaled (`train.mixed_precision: float16`), where each batch is checked to be
            finite.
        compression: of gradients sent between ranks: `fp16` and `bf16` halve the bytes, and round.
        reduction: `mean` over all rows of the global batch, or `adasum`, which adds what is orthogonal in the ranks'
            gradients and averages what is parallel; the number of ranks must then be a power of two, and the result
            depends on it.
    """

    name: Annotated[str, entry_of(OPTIMIZERS)] = "adam"
    learning_rate: Positive = 1e-3
    momentum: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.0
    weight_decay: Annotated[Number, Field(ge=0.0)] | None = None
    clip_value: Positive | None = None
    clip_norm: Positive | None = None
    clip_global_norm: Positive | None = None
    backward_passes_per_step: Count = 1
    compression: Literal["none", "fp16", "bf16"] = "none"
    reduction: Literal["mean", "adasum"] = "mean"

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> OptimizerConfig:
        clips = [name for name in ("clip_value", "clip_norm", "clip_global_norm") if getattr(self, name) is not None]
        if len(clips) > 1:
            raise ValueError(f"only one kind of clipping is allowed. Received: {', '.join(clips)}. Remove the others")
        if stays_unresolved(self.name, info):
            return self
        if self.momentum and not OPTIMIZERS.resolve(self.name).has_momentum:
            raise ValueError(
                f"momentum is allowed for {' and '.join(with_momentum())}. Received: {self.name} with {self.momentum}. "
                "Remove momentum, or take another optimizer"
            )
        return self
