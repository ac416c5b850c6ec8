"""Callbacks as users write them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras


class Counting(keras.callbacks.Callback):
    """Counts epochs, remembers the count in checkpoints, and ends the training at some number."""

    def __init__(self, enough: int = 100) -> None:
        super().__init__()
        self.enough, self.epochs = enough, 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs["loss"] > 0
        self.epochs += 1
        self.model.stop_training = self.epochs >= self.enough

    def state(self) -> Any:
        return {"epochs": self.epochs}

    def restore(self, content: Any) -> None:
        self.epochs = content["epochs"]


class Pausing(keras.callbacks.Callback):
    """Pauses after each epoch, so that a short training lasts for some heartbeats."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        time.sleep(1.0)


class Batches(keras.callbacks.Callback):
    """Wants to be told what cannot be told."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        raise AssertionError


class Fragile(keras.callbacks.Callback):
    """Fails in the training whose number, in the order in which trainings begin, stands in the file `fails`."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        number = len(list(self.folder.glob("began-*")))
        (self.folder / f"began-{number}").touch()
        if (self.folder / "fails").read_text() == str(number):
            raise RuntimeError("the disk of the callback is full")
