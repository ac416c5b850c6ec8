"""Truth with three values, comparisons, and choice between values.

A comparison that is known to hold is 1, one that is known not to hold 0; else it is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.operands import (
    Bits,
    Numbers,
    Value,
    all_valid,
    booleans_of,
    either,
    equal,
    mask_of,
    numbers_of,
    strict,
    validity_of,
)


def _holds(truth: Numbers) -> Bits:
    return truth.truths if truth.valid is None else truth.truths & truth.valid


def _fails(truth: Numbers) -> Bits:
    return ~truth.truths if truth.valid is None else ~truth.truths & truth.valid


def _decided(value: Bits, decided: Bits, truths: Sequence[Numbers]) -> Numbers:
    """Valid where one truth has decided, or where all are valid."""
    valid = all_valid(truth.valid for truth in truths)
    return Numbers(value, None if valid is None else valid | decided)


def _and(*truths: Numbers) -> Numbers:
    """One that is false decides."""
    is_false = reduce(np.logical_or, map(_fails, truths))
    return _decided(~is_false, is_false, truths)


def _or(*truths: Numbers) -> Numbers:
    """One that is true decides."""
    is_true = reduce(np.logical_or, map(_holds, truths))
    return _decided(is_true, is_true, truths)


def _same(left: Value, right: Value) -> Numbers:
    """Null is equal to null only."""
    mine, others = mask_of(left), mask_of(right)
    return Numbers((equal(left, right).values & mine & others) | ~(mine | others))


def is_in(value: Value, *constants: float | str | None) -> Numbers:
    """Whether a value is one of the constants; null also where it is none and one of these is null."""
    wanted = [constant for constant in constants if constant is not None]
    if isinstance(value, Numbers):
        is_member = np.isin(value.floats, wanted)
    else:
        is_member = numbers_of(pc.is_in(value, value_set=pa.array(wanted, pa.string()))).values
    certain = is_member if len(wanted) < len(constants) else None
    return Numbers(is_member, all_valid((validity_of(value), certain)))


def _if(*arguments: Value) -> Value:
    """Conditions and values in turn, and what holds otherwise; an unknown condition does not hold."""
    pairs = list(zip(arguments[:-1:2], arguments[1::2], strict=True))
    chosen = arguments[-1]
    for condition, value in reversed(pairs):
        chosen = _either(_holds(condition), value, chosen)
    return chosen


def _either(holds: Bits, value: Value, otherwise: Value) -> Value:
    """The value where something holds, else the other."""
    if isinstance(value, Numbers):
        return either(holds, value, otherwise)
    return pc.if_else(booleans_of(holds), value, otherwise)


def _coalesce(*values: Value) -> Value:
    """The first value that is not null."""
    if not isinstance(values[0], Numbers):
        return pc.coalesce(*values)
    return reduce(lambda first, value: first if first.valid is None else either(first.valid, first, value), values)


LOGIC: Mapping[str, Callable[..., Value]] = {
    "and": _and,
    "or": _or,
    "not": lambda truth: Numbers(~truth.truths, truth.valid),
    "equal": equal,
    "less": strict(np.less),
    "less_equal": strict(np.less_equal),
    "same": _same,
    "is_null": lambda value: Numbers(~mask_of(value)),
    "if": _if,
    "coalesce": _coalesce,
}
"""Each of numbers, or of numbers and texts."""
