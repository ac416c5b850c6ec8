"""Functions of numbers as Spark computes them.

Sums, products, quotients, remainders, roots and roundings are equal to Spark's to the bit. Logarithms, exponentials,
powers and functions of angles are numpy's, which may differ from Java's StrictMath by 1e-15 of the value, and between
processors.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from pipeline.arrays.operands import Bits, Floats, Numbers, bounded, either, mask_of, null_unless, strict
from pipeline.schemas.expression import fold

END_OF_LONGS = 2.0**63


def _chain(function: Callable[[Any, Any], Any]) -> Callable[..., Numbers]:
    return bounded(lambda *numbers: fold(function, numbers))


def _sign(number: Floats) -> Floats:
    """Java keeps the sign of a zero."""
    return np.copysign(np.sign(number), number)


def _log2(number: Floats) -> Floats:
    """A quotient in Spark."""
    return np.log(number) / math.log(2.0)


def _unsigned_zero(number: Floats) -> Floats:
    """Spark's roundings go through types that know one zero only."""
    return number + 0.0


def _whole(rounding: Callable[[Any], Any]) -> Callable[[Numbers], Numbers]:
    """Null at the ends of longs, where Spark stops counting."""

    def rounded(numbers: Numbers) -> Numbers:
        whole = strict(lambda number: _unsigned_zero(rounding(number)))(numbers)
        return null_unless(np.abs(whole.values) < END_OF_LONGS, whole)

    return rounded


def _round(number: Floats) -> Floats:
    """Halves away from zero. Adding 1/2 first would round its neighbour below up."""
    whole = np.trunc(number)
    further = np.abs(number - whole) >= 0.5
    return _unsigned_zero(whole + np.copysign(further, number))


def _extreme(exceeds: Callable[[Floats, Floats], Bits]) -> Callable[..., Numbers]:
    """Of the numbers that are not null; the first of those that are equal, which a zero's sign shows."""

    def of_two(extreme: Numbers, number: Numbers) -> Numbers:
        kept = mask_of(extreme) & ~exceeds(extreme.floats, number.floats)
        return either(kept | ~mask_of(number), extreme, number)

    return lambda *numbers: reduce(of_two, numbers)


NUMERIC: Mapping[str, Callable[..., Numbers]] = {
    "add": _chain(operator.add),
    "multiply": _chain(operator.mul),
    "divide": bounded(np.divide),
    # C's remainder, exact and with the sign of the dividend; NaN for a division by zero.
    "remainder": bounded(np.fmod),
    "power": bounded(np.power),
    "negate": strict(np.negative),
    "abs": strict(np.abs),
    "sign": strict(_sign),
    "sqrt": bounded(np.sqrt),
    "exp": bounded(np.exp),
    "expm1": bounded(np.expm1),
    "log": bounded(np.log),
    "log1p": bounded(np.log1p),
    "log2": bounded(_log2),
    "log10": bounded(np.log10),
    "sin": strict(np.sin),
    "cos": strict(np.cos),
    "tan": bounded(np.tan),
    "tanh": strict(np.tanh),
    "floor": _whole(np.floor),
    "ceil": _whole(np.ceil),
    "round": strict(_round),
    "least": _extreme(operator.gt),
    "greatest": _extreme(operator.lt),
}
"""Each of numbers."""
