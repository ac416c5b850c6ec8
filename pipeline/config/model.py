"""The network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline.activations import ACTIVATIONS
from pipeline.schemas.section import Count, Number, Section


class ModelConfig(Section):
    """A multi-layer perceptron.

    Attributes:
        type: `mlp`.
        hidden: units of each hidden layer; an empty list gives a linear model.
        activation: of the hidden layers: an entry of `pipeline/activations`, or `package.module:function`.
        dropout: share of each hidden layer's outputs that is dropped in training.
        l2: weight of the squared kernels in the loss.
    """

    type: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = (64, 64)
    activation: Annotated[str, AfterValidator(ACTIVATIONS.check)] = "relu"
    dropout: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.0
    l2: Annotated[Number, Field(ge=0.0)] = 0.0
