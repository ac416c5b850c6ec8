"""Keras' own regularizers."""

from __future__ import annotations

from typing import Any

from pipeline.regularizers import Regularizer


def _l1(weight: float) -> Any:
    import keras

    return keras.regularizers.L1(weight)


def _l2(weight: float) -> Any:
    import keras

    return keras.regularizers.L2(weight)


def _l1_l2(weight: float) -> Any:
    import keras

    return keras.regularizers.L1L2(l1=weight, l2=weight)


L1 = Regularizer("l1", "sum of absolute values", _l1)
L2 = Regularizer("l2", "sum of squares", _l2)
L1_L2 = Regularizer("l1_l2", "both, at the same weight", _l1_l2)
