"""A multi-layer perceptron: dense layers on all features, concatenated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline.activations import ACTIVATIONS
from pipeline.networks.network import Network, NetworkConfig, NetworkInputs
from pipeline.networks.regularizer import RegularizerConfig, RegularizerSetting
from pipeline.schemas.references import entry_of
from pipeline.schemas.section import LATER, Count, Number

if TYPE_CHECKING:
    import keras


class MlpConfig(NetworkConfig):
    """A multi-layer perceptron.

    Attributes:
        hidden: number of units in each hidden layer; an empty list gives a linear model.
        activation: activation of the hidden layers: an entry of `pipeline/activations`, or `package.module:function`.
        dropout: share of each hidden layer's outputs that is dropped in training.
        l2: factor of the squared kernels in the loss; short for `regularizer: {name: l2, weight: ...}`.
        regularizer: regularizer of the kernels of all layers: a name or a section; None for none.
    """

    type: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = (64, 64)
    activation: Annotated[str, entry_of(ACTIVATIONS)] = "relu"
    dropout: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.0
    l2: Annotated[Number, Field(ge=0.0)] = 0.0
    regularizer: Annotated[RegularizerSetting, LATER] = None

    @model_validator(mode="after")
    def _one_regularizer(self) -> MlpConfig:
        if self.l2 and self.regularizer is not None:
            raise ValueError(
                f"l2 and regularizer are both given: {self.l2:g} and {self.regularizer.name}. Give one of them; "
                "regularizer: l1_l2 is both kinds"
            )
        return self

    def build(self, inputs: NetworkInputs, outputs: int) -> keras.KerasTensor:
        """Hidden layers, each with its dropout, and a linear output."""
        import keras

        x = inputs.flat()
        for number, units in enumerate(self.hidden):
            x = self._dense(units, name=f"hidden_{number}", activation=ACTIVATIONS.get(self.activation).keras)(x)
            if self.dropout:
                x = keras.layers.Dropout(self.dropout, name=f"dropout_{number}")(x)
        return self._dense(outputs, name="output", dtype="float32")(x)

    def describe(self) -> str:
        """For example `64-64 relu`."""
        return f"{'-'.join(map(str, self.hidden))} {self.activation}" if self.hidden else "linear"

    def train_only_regularizers(self) -> tuple[str, ...]:
        """Dropout, where there is any."""
        return (f"model.dropout {self.dropout:g}",) if self.dropout else ()

    def _dense(self, units: int, *, name: str, activation: Any = None, dtype: str | None = None) -> keras.layers.Layer:
        import keras

        config = RegularizerConfig(name="l2", weight=self.l2) if self.l2 else self.regularizer
        regularizer = config.build() if config else None
        return keras.layers.Dense(units, activation=activation, kernel_regularizer=regularizer, dtype=dtype, name=name)


MLP = Network(
    name="mlp",
    summary="A multi-layer perceptron; without hidden layers a linear model.",
    config=MlpConfig,
    search={
        "model.hidden": {"list": [1, 3], "of": {"int": [16, 256], "log": True}},
        "model.activation": {"choice": ["relu", "gelu", "tanh"]},
        "model.dropout": {"uniform": [0.0, 0.5]},
    },
    capacity="model.hidden",
)
