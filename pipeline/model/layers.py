"""What Keras layers of our own have in common: registered by name, so that a saved model loads in safe mode."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import keras

PACKAGE = "pipeline"
"""Under which our layers are registered."""


class FixedLayer(keras.layers.Layer):  # type: ignore[misc]
    """A layer without weights: the settings that it was made with are all it knows, and its config.

    It takes tensors as they are, where Keras would round float64 to float32.
    """

    def __init__(self, settings: Mapping[str, Any], **kwargs: Any) -> None:
        """`settings` are the subclass's own arguments, as JSON can hold them."""
        super().__init__(autocast=False, **kwargs)
        # Not a dict: Keras would wrap and watch every item, of which a vocabulary may have a million.
        self._settings = MappingProxyType(dict(settings))

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), **self._settings}
