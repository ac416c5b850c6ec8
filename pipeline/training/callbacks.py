"""The user's Keras callbacks, called at the ends of epochs. Steps run in blocks, so there are no calls for batches.

Every rank has its own instances and calls them with the same numbers. A callback ends training by setting
`self.model.stop_training`, on any rank. One that keeps state across epochs may define `state()`, which returns
JSON-like content, and `restore(content)`: checkpoints keep that state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module

import keras

from pipeline.config.callbacks import CallbackConfig
from pipeline.errors import ConfigError
from pipeline.training.records import EpochRecord

NOT_CALLED = [
    name
    for name in dir(keras.callbacks.Callback)
    if name.startswith("on_") and ("batch" in name or "test" in name or "predict" in name)
]
"""Methods of Keras callbacks that are never called here."""


class Callbacks:
    """All callbacks of one rank."""

    def __init__(self, configs: Sequence[CallbackConfig], network: keras.Model, epochs: int) -> None:
        """Creates the callbacks.

        Raises:
            ConfigError: one cannot be created, or overrides a method for batches.
        """
        self._callbacks = [_make(config) for config in configs]
        self._network = network
        network.stop_training = False
        for callback in self._callbacks:
            callback.set_model(network)
            callback.set_params({"epochs": epochs})

    @property
    def want_end(self) -> bool:
        """Whether a callback has asked for the end of training."""
        return bool(self._network.stop_training)

    def begin_training(self) -> None:
        """Called when a run starts and when it resumes."""
        for callback in self._callbacks:
            callback.on_train_begin()

    def begin_epoch(self, epoch: int) -> None:
        """Counted from 0, as Keras does."""
        for callback in self._callbacks:
            callback.on_epoch_begin(epoch)

    def end_epoch(self, record: EpochRecord) -> None:
        """With the metrics over all ranks."""
        for callback in self._callbacks:
            callback.on_epoch_end(record.epoch - 1, dict(record.metrics))

    def end_training(self) -> None:
        """The network has its best weights."""
        for callback in self._callbacks:
            callback.on_train_end()

    def state(self) -> dict[str, str]:
        """The state of the callbacks that have one: JSON by the callback's number."""
        return {
            str(number): json.dumps(callback.state())
            for number, callback in enumerate(self._callbacks)
            if hasattr(callback, "state")
        }

    def restore(self, state: Mapping[str, str]) -> None:
        """Restore what `state` returned."""
        for number, callback in enumerate(self._callbacks):
            if hasattr(callback, "restore") and str(number) in state:
                callback.restore(json.loads(state[str(number)]))


def _make(config: CallbackConfig) -> keras.callbacks.Callback:
    module, _, name = config.target.partition(":")
    try:
        callback_class = getattr(import_module(module), name)
        callback = callback_class(**config.options)
    except Exception as error:
        raise ConfigError(
            f"train.callbacks: {config.target} cannot be created with {config.options}: {type(error).__name__}: "
            f"{error}. It must be importable where the ranks run, and take these options."
        ) from error
    if not isinstance(callback, keras.callbacks.Callback):
        raise ConfigError(
            f"train.callbacks: {config.target} is not a Keras callback. Allowed: a subclass of "
            f"keras.callbacks.Callback. Received: {type(callback).__name__}."
        )
    uncalled = [
        hook for hook in NOT_CALLED if getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook)
    ]
    if uncalled:
        raise ConfigError(
            f"train.callbacks: {config.target} has {', '.join(uncalled)}, which would never be called: steps run in "
            "blocks. Allowed: on_train_begin, on_epoch_begin, on_epoch_end, on_train_end. Remove the others."
        )
    return callback
