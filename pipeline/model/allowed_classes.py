"""Which classes a model file may have: an allow-list, since opening a file makes objects of whatever it names.

Allowed are layers of Keras that compute and nothing else, what they are made of, this package's own classes, and those
of modules that a configuration names (`package.module:name`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from typing import Any

import keras

from pipeline.kinds.layer import PACKAGE

# Not among them: what runs code of the file or of another library (Lambda, TFSMLayer, TorchModuleWrapper, JaxLayer,
# FlaxLayer), reads files that the model names (StringLookup, IntegerLookup, TextVectorization), or takes images apart.
_LAYERS = """
Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention Average
AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding Concatenate
Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D
Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding
Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization
GroupQueryAttention HashedCrossing Hashing Identity InputLayer LSTM LSTMCell LayerNormalization LeakyReLU Masking
MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU Permute
RMSNormalization RNN ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding SeparableConv1D
SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D
SpectralNormalization StackedRNNCells Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D
UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
LAYERS = frozenset(_LAYERS.split())
NAMES: Mapping[str, frozenset[str]] = {
    "keras.layers": LAYERS,
    "keras": frozenset({"DTypePolicy", "Functional", "Sequential", "Variable"}),
    "keras.dtype_policies": frozenset({"DTypePolicy"}),
    "keras.src.models.functional": frozenset({"Functional"}),
    "keras.src.models.sequential": frozenset({"Sequential"}),
}
KINDS: Mapping[str, type] = {
    "keras.initializers": keras.initializers.Initializer,
    "keras.regularizers": keras.regularizers.Regularizer,
    "keras.constraints": keras.constraints.Constraint,
}
OPERATIONS = "keras.src.ops."
"""Where Keras has the operations of tensors."""
PLAIN = frozenset({"__keras_tensor__", "__slice__", "__tensor__", "__numpy__", "__ellipsis__", "__typespec__"})
"""Values that are no objects of a class."""


def refused_class(content: Any, modules: Collection[str]) -> str | None:
    """A class that a model file names and must not; None where there is none.

    Args:
        content: `config.json` of the file.
        modules: top-level modules that a configuration names.
    """
    return next((str(entry["class_name"]) for entry in _entries(content) if not _is_allowed(entry, modules)), None)


def _entries(content: Any) -> Iterator[Mapping[str, Any]]:
    """All parts, however deep, that name a class."""
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "class_name" in part:
                yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _is_allowed(entry: Mapping[str, Any], modules: Collection[str]) -> bool:
    """As Keras looks a class up: among those that are registered, then in its module."""
    module, name = str(entry.get("module")), str(entry["class_name"])
    is_function = name == "function"
    registered = keras.saving.get_registered_object(str(entry.get("config" if is_function else "registered_name")))
    if registered is not None:
        return registered.__module__.partition(".")[0] in (PACKAGE, *modules)
    if is_function:
        return hasattr(keras.activations, str(entry.get("config")))
    if entry.get("module") is None:
        return name in PLAIN
    if module in KINDS:
        return _is_of_kind(module, name, KINDS[module])
    if module.startswith(OPERATIONS):
        return _is_of_kind(module, name, keras.Operation)
    return name in NAMES.get(module, ())


def _is_of_kind(module: str, name: str, kind: type) -> bool:
    try:
        value = getattr(import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(value, type) and issubclass(value, kind)
