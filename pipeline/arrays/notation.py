"""Java's notation of floating-point numbers: `Double.toString` and `Float.toString` of Java 19 and later.

The digits are the fewest that tell a number from its neighbours, as JDK-4511638 has it. Java 17 gives some numbers a
digit more (2.0E23 is 1.9999999999999998E23 there): up to a third of the whole doubles from 2 to the power of 53 to that
of 63, and 3 in 1000 of all others, of which none was met from 0.001 to 10,000,000. The text then differs, the number
that it names does not.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import numpy as np
import pyarrow as pa

from pipeline.arrays.masks import by_value, replaced, valid_of

PLAIN_EXPONENTS = (-3, 7)
"""Numbers from one power of ten to below the other are written without an exponent."""

_NAMES = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def java_texts(number: pa.Array) -> pa.Array:
    """String [n]: floats or doubles as Java writes them, whole ones with a fraction, too.

    Args:
        number: float32 or float64 [n].
    """
    text = number.cast(pa.string())
    values = number.to_numpy(zero_copy_only=False)
    size = np.abs(values)
    alike = (size >= 1e-3) & (size < 1e7) & (values != np.floor(values))
    exact = float if number.type == pa.float64() else _single
    notation = partial(_notation, exact=exact)
    return replaced(text, ~alike & valid_of(number), lambda texts: by_value(texts, notation, pa.string()), source=text)


def _notation(text: str, exact: Callable[[str], float]) -> str:
    """Java's text of a number.

    Args:
        text: the fewest digits that tell it, in any notation.
        exact: what a text is worth.
    """
    if text in _NAMES:
        return _NAMES[text]
    number = Decimal(text).normalize()
    if len(number.as_tuple().digits) == 1:
        # Of one digit there may be a second in Java's text, where it comes closer: 4.9E-324, not 5.0E-324.
        number = Decimal(f"{exact(text):.1e}").normalize()
    if PLAIN_EXPONENTS[0] <= number.adjusted() < PLAIN_EXPONENTS[1]:
        plain = f"{number:f}"
        return plain if "." in plain else f"{plain}.0"
    first, *more = map(str, number.as_tuple().digits)
    return f"{'-' if number < 0 else ''}{first}.{''.join(more) or '0'}E{number.adjusted()}"


def _single(text: str) -> float:
    return float(np.float32(text))
