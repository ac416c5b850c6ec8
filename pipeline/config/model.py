"""The network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.schemas.section import Count, Number, Section


class ModelConfig(Section):
    """A multi-layer perceptron.

    Attributes:
        type: `mlp`.
        hidden: units of each hidden layer; an empty list gives a linear model.
        activation: of the hidden layers.
        dropout: share of each hidden layer's outputs that is dropped in training.
        l2: weight of the squared kernels in the loss.
    """

    type: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = (64, 64)
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "selu", "sigmoid", "tanh"] = "relu"
    dropout: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.0
    l2: Annotated[Number, Field(ge=0.0)] = 0.0
