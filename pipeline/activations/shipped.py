"""Keras's own activations."""

from __future__ import annotations

from pipeline.activations import Activation

RELU = Activation("relu", "relu")
LEAKY_RELU = Activation("leaky_relu", "leaky_relu")
ELU = Activation("elu", "elu")
GELU = Activation("gelu", "gelu")
SILU = Activation("silu", "silu")
SELU = Activation("selu", "selu")
SIGMOID = Activation("sigmoid", "sigmoid")
TANH = Activation("tanh", "tanh")
