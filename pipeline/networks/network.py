"""What a network declares: its entry in the registry, its section of the configuration, and how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pydantic import ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.registry import Registry
from pipeline.schemas.section import Section

if TYPE_CHECKING:
    import keras

SectionType = type[Section]
DEFAULT = "mlp"
"""The network of a configuration without `model.type`."""


@dataclass(frozen=True)
class NetworkInputs:
    """What a network is built on.

    Attributes:
        tensors: the Keras inputs by name, [b, ...] each, as `FittedFeatures.tensors` declares them.
        encoded: the features as float32 [b, w] each, for layers that take numbers: numbers as they are or
            piecewise-linear, then ids one-hot, then embeddings.
        features: the features fitted on training rows, with the number of ids of each column, for example.
    """

    tensors: Mapping[str, keras.KerasTensor]
    encoded: tuple[keras.KerasTensor, ...]
    features: FittedFeatures

    def flat(self) -> keras.KerasTensor:
        """All encoded features, concatenated: float32 [b, sum of w]."""
        import keras

        if len(self.encoded) == 1:
            return self.encoded[0]
        return keras.layers.Concatenate(name="features")(self.encoded)


class NetworkConfig(Section):
    """The section `model`; each network has its own subclass.

    Attributes:
        type: the network: the name of an entry, or `package.module:name` of the user's own.
    """

    type: str

    def build(self, inputs: NetworkInputs, outputs: int) -> keras.KerasTensor:
        """The network's raw output, without an activation.

        Initial weights must depend only on Keras's random seed, which is set before.

        Args:
            inputs: the network's inputs.
            outputs: k, the number of columns of the output.

        Returns:
            The output, [b, k]. Give the last layer `dtype="float32"`, so that losses are computed in full precision
            if the other layers compute with fewer bits.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method build.")

    def describe(self) -> str:
        """The network in a few words, for the names of runs and the legends of plots."""
        return self.type.rpartition(":")[2]

    def train_only_regularizers(self) -> tuple[str, ...]:
        """Settings that raise the loss of training rows only, such as `model.dropout 0.2`."""
        return ()

    @classmethod
    def variant(cls, content: Any) -> SectionType:
        """The section of the network that `content` names."""
        return NETWORKS.resolve(network_name(content)).config if cls is NetworkConfig else cls

    @model_validator(mode="wrap")
    @classmethod
    def _is_checked_by_its_network(
        cls, value: Any, handler: ModelWrapValidatorHandler[NetworkConfig], info: ValidationInfo
    ) -> NetworkConfig:
        if cls is not NetworkConfig or not isinstance(value, Mapping):
            return handler(value)
        try:
            section = cls.variant(value)
        except ValueError as error:
            wrong = PydanticCustomError("value_error", "{error}", {"error": str(error)})
            details = InitErrorDetails(type=wrong, loc=("type",), input=value)
            raise ValidationError.from_exception_data(cls.__name__, [details]) from error
        return cast(NetworkConfig, section.model_validate(value, context=info.context))


def network_name(content: Any) -> str:
    """The name of the network in the content of a section `model`."""
    return str(content.get("type", DEFAULT)) if isinstance(content, Mapping) else DEFAULT


@dataclass(frozen=True)
class Network:
    """An entry of the registry.

    Attributes:
        name: as `model.type` spells it.
        summary: one line for the documentation.
        config: its section.
        search: what `search.space: auto` tries, by the dotted names of settings, as in `search.space`.
        capacity: the dotted name of the setting that `search.sampler: capacity` varies: the units of each hidden layer,
            or a single number of units; empty where there is none.
    """

    name: str
    summary: str
    config: type[NetworkConfig]
    search: Mapping[str, Any] = field(default_factory=dict)
    capacity: str = ""


def _own_network(reference: str, value: Any) -> Network:
    """The entry for a section that the user refers to as `package.module:name`."""
    if not (isinstance(value, type) and issubclass(value, NetworkConfig)):
        raise TypeError(f"allowed is a Network, or a class that inherits from NetworkConfig. Received: {value!r}")
    return Network(reference, (value.__doc__ or reference).strip().partition("\n")[0], value)


NETWORKS = Registry("network", __package__, Network, adapt=_own_network)
