"""How numbers are written for people: on pages, in tables, beside plots and in messages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

GROUPED = 1e4
"""Whole numbers from here on have their thousands grouped; below, 1984 stays a year."""
LARGEST, SMALLEST = 1e8, 1e-4
"""Outside of these bounds numbers have an exponent, or a row of them would be wider than a page."""
EXPONENT_DIGITS = 4
SHOWN_AT_MOST = 20
"""Of a list in a message."""
CHARACTERS_AT_MOST = 80
"""Of a value in a message."""
UNITS = ((1e12, "T", 1e12), (1e9, "G", 1e9), (1e6, "M", 1e6), (1e4, "k", 1e3))
"""From which size on, the unit, and what it stands for."""


def format_number(value: float | None, digits: int = 4, *, undefined: str = "undefined") -> str:
    """A number in about `digits` significant digits: `0.1235`, `1984`, `12,346`, `1.5e9`.

    Args:
        value: None where it is not defined.
        digits: significant ones; digits before the point are never rounded away.
        undefined: what None is called.
    """
    if value is None or not math.isfinite(value):
        return undefined if value is None else str(float(value))
    size = abs(value)
    if size >= LARGEST or 0.0 < size < SMALLEST:
        return _with_exponent(value, min(digits, EXPONENT_DIGITS))
    decimals = max(0, digits - 1 - math.floor(math.log10(size))) if size else 0
    rounded = round(value, decimals)
    if rounded == int(rounded):
        return f"{int(rounded):,}" if abs(rounded) >= GROUPED else str(int(rounded))
    return f"{rounded:,.{decimals}f}".rstrip("0")


def _with_exponent(value: float, digits: int) -> str:
    """`1.235e300` and `1e-9`: without the plus sign and the leading zero that Python writes."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def format_interval(bounds: tuple[float, float] | None) -> str:
    """`5072 to 36,928`; nothing where there is no interval."""
    return "" if bounds is None else f"{format_number(bounds[0])} to {format_number(bounds[1])}"


def format_share(part: float, whole: float = 1.0) -> str:
    """A percentage; one that is small but not 0 stays visible."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return "< 0.01 %" if percent < 0.01 else f"{percent:.2f} %" if percent < 10 else f"{percent:.1f} %"


def format_percent(part: float) -> str:
    """A percentage without decimals that does not round to a false 0 % or 100 %."""
    if part < 0.01:
        return "<1%"
    return ">99%" if 0.99 < part < 1.0 else f"{part:.0%}"


def format_p_value(p_value: float) -> str:
    """A p-value in a sentence: `p = 0.03`, `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def counted(count: int, noun: str, plural: str = "", *, verb: str = "") -> str:
    """A number with its noun: `1 row`, `2,000 rows`; and with a verb: `1 row is`, `2,000 rows are`.

    Args:
        count: of the things.
        noun: for one of them.
        plural: for others; without one, the noun with an s.
        verb: `is` or `has`; empty for none.
    """
    if count != 1:
        noun, verb = plural or f"{noun}s", {"is": "are", "has": "have", "": ""}[verb]
    return f"{count:,} {noun} {verb}".rstrip()


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def listed(values: Iterable[object], most: int = SHOWN_AT_MOST, *, separator: str = ", ") -> str:
    """Values beside each other; of more than `most`, the first ones and how many there are besides."""
    texts = [str(value) for value in values]
    hidden = len(texts) - most
    return separator.join([*texts[:most], *([f"... and {hidden:,} more"] if hidden > 0 else [])])


def shortened(value: object) -> str:
    """A value as Python writes it, cut off after 80 characters: `'abc'`, `[1, 2]`, `nothing` for None.

    No more of it is written than is shown: by aliases, a few lists of YAML or JSON can stand for billions of values.
    """
    if value is None:
        return "nothing"
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > CHARACTERS_AT_MOST:
            return f"{text[: CHARACTERS_AT_MOST - 3]}..."
    return text


def _pieces(value: object) -> Iterator[str]:
    """`repr(value)`, piece by piece."""
    if isinstance(value, dict):
        for index, (key, below) in enumerate(value.items()):
            yield ", " if index else "{"
            yield from _pieces(key)
            yield ": "
            yield from _pieces(below)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield ", " if index else "["
            yield from _pieces(below)
        yield "]" if value else "[]"
    else:
        yield repr(value[: CHARACTERS_AT_MOST + 1] if isinstance(value, (str, bytes)) else value)


def compact(value: float) -> str:
    """A number in at most about six characters, for ticks of an axis: `0.25`, `1,250`, `48k`, `1.2M`."""
    size = abs(value)
    for bound, unit, worth in UNITS:
        if size >= bound:
            return f"{value / worth:.3g}{unit}"
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if size >= SMALLEST or value == 0 else f"{value:.1e}"
