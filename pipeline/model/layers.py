"""Keras layers of our own, registered by name so that a saved model loads in safe mode, without Lambda or pickle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

PACKAGE = "pipeline"


@keras.saving.register_keras_serializable(PACKAGE)
class OneHot(keras.layers.Layer):  # type: ignore[misc]
    """Expands ids: int [b, c] to float32 [b, sum(sizes)], one block of `sizes[j]` columns for column j."""

    def __init__(self, sizes: Sequence[int], **kwargs: Any) -> None:
        """`sizes[j]` is the number of ids of column j."""
        super().__init__(**kwargs)
        self.sizes = tuple(sizes)

    def call(self, ids: Any) -> Any:
        """One-hot blocks side by side."""
        blocks = [ops.one_hot(ids[:, column], size, dtype="float32") for column, size in enumerate(self.sizes)]
        return ops.concatenate(blocks, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """[b, sum(sizes)]."""
        return (input_shape[0], sum(self.sizes))

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), "sizes": list(self.sizes)}


@keras.saving.register_keras_serializable(PACKAGE)
class FillAndScale(keras.layers.Layer):  # type: ignore[misc]
    """Numeric columns as the store has them: float64 [b, a] to `((fill if x is not finite else x) - center) / scale`.

    The arithmetic is done in float64, as Spark does it, and rounded once, to float32.
    """

    def __init__(self, fill: Sequence[float], center: Sequence[float], scale: Sequence[float], **kwargs: Any) -> None:
        """One number a column each."""
        # Keras would otherwise round what comes in to float32 first.
        super().__init__(autocast=False, **kwargs)
        self.fill, self.center, self.scale = tuple(fill), tuple(center), tuple(scale)

    def call(self, x: Any) -> Any:
        """Null is NaN; infinities count as null."""
        x = ops.cast(x, "float64")
        fill, center, scale = (ops.convert_to_tensor(v, "float64") for v in (self.fill, self.center, self.scale))
        return ops.cast((ops.where(ops.isfinite(x), x, fill) - center) / scale, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {
            **super().get_config(),
            "fill": list(self.fill),
            "center": list(self.center),
            "scale": list(self.scale),
        }


@keras.saving.register_keras_serializable(PACKAGE)
class LabelUnit(keras.layers.Layer):  # type: ignore[misc]
    """From the network's output to the label's own unit: `z * scale + center`, and then `expm1` for a log label."""

    def __init__(self, transform: str, center: float, scale: float, **kwargs: Any) -> None:
        """As in `LabelSpec`."""
        super().__init__(**kwargs)
        self.transform, self.center, self.scale = transform, center, scale

    def call(self, z: Any) -> Any:
        """float32 [b, 1] to float32 [b, 1]."""
        value = z * self.scale + self.center
        return ops.expm1(value) if self.transform == "log" else value

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), "transform": self.transform, "center": self.center, "scale": self.scale}
