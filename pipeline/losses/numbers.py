"""Losses of labels that are numbers: z is [b, 1]."""

from __future__ import annotations

from pipeline.losses import Loss, RowLoss

TASKS = ("regression",)


def _squared() -> RowLoss:
    import tensorflow as tf

    return lambda y, z: tf.square(y - z[:, 0])


def _absolute() -> RowLoss:
    import tensorflow as tf

    return lambda y, z: tf.abs(y - z[:, 0])


def _huber() -> RowLoss:
    import keras

    return lambda y, z: keras.losses.huber(y[:, None], z)


MSE = Loss("mse", "squared error", TASKS, _squared)
MAE = Loss("mae", "absolute error", TASKS, _absolute)
HUBER = Loss("huber", "squared error up to 1, absolute error beyond", TASKS, _huber)
