"""The shipped schedules, of p, the share of the steps after warm-up that were taken, and e, the epochs so far.

constant      1
step          factor ^ floor(e / every_epochs)
exponential   factor ^ e
cosine        from 1 to final along half a cosine over p
polynomial    final + (1 - final) (1 - p) ^ power
one_cycle     from start to 1 along half a cosine while p < rise, then from 1 to final along another
"""

from __future__ import annotations

import math
from typing import Any

from pipeline.schedules import Curve, Schedule


def _constant(_: Any) -> Curve:
    import tensorflow as tf

    return lambda p, e: tf.ones_like(p)


def _step(settings: Any) -> Curve:
    import tensorflow as tf

    return lambda p, e: _power(settings.factor, tf.floor(e / settings.every_epochs))


def _exponential(settings: Any) -> Curve:
    return lambda p, e: _power(settings.factor, e)


def _cosine(settings: Any) -> Curve:
    return lambda p, e: _half_cosine(1.0, settings.final, p)


def _polynomial(settings: Any) -> Curve:
    import tensorflow as tf

    return lambda p, e: settings.final + (1.0 - settings.final) * tf.pow(1.0 - p, settings.power)


def _one_cycle(settings: Any) -> Curve:
    import tensorflow as tf

    rise = settings.rise
    return lambda p, e: tf.where(
        p < rise,
        _half_cosine(settings.start, 1.0, p / rise),
        _half_cosine(1.0, settings.final, (p - rise) / (1.0 - rise)),
    )


def _half_cosine(first: float, last: float, share: Any) -> Any:
    import tensorflow as tf

    return last + (first - last) * 0.5 * (1.0 + tf.cos(math.pi * share))


def _power(base: float, exponent: Any) -> Any:
    import tensorflow as tf

    return tf.pow(tf.constant(base, tf.float64), exponent)


CONSTANT = Schedule("constant", (), _constant)
STEP = Schedule("step", ("every_epochs", "factor"), _step)
EXPONENTIAL = Schedule("exponential", ("factor",), _exponential)
COSINE = Schedule("cosine", ("final",), _cosine)
ONE_CYCLE = Schedule("one_cycle", ("rise", "start", "final"), _one_cycle, warms_up=False)
POLYNOMIAL = Schedule("polynomial", ("power", "final"), _polynomial)
