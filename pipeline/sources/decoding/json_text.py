"""The text of a JSON string or name, as Jackson decodes it.

Surrogates may stand alone in a text. None stands for a text that is broken, with the position up to which it was read.
"""

from __future__ import annotations

import re

LONGEST_NAME = 50_000
"""Bytes."""
LONGEST_VALUE = 20_000_000
"""Units of UTF-16."""

_ESCAPED = {b"b": 8, b"t": 9, b"n": 10, b"f": 12, b"r": 13, b'"': 34, b"/": 47, b"\\": 92, b"'": 39}
_PLAIN = {b'"': re.compile(rb'[^"\\\x00-\x1f]*'), b"'": re.compile(rb"[^'\\\x00-\x1f]*")}
_ASCII = {b'"': re.compile(rb'[^"\\\x00-\x1f\x80-\xff]*'), b"'": re.compile(rb"[^'\\\x00-\x1f\x80-\xff]*")}
_HEX = re.compile(rb"[0-9a-fA-F]{0,4}")


class JsonError(Exception):
    """A line is not JSON from here on."""


def read_text(line: bytes, start: int, *, quote: bytes, skipped: bool) -> tuple[str | None, int]:
    """A value up to its closing quote, and the position behind that.

    Args:
        line: that it is in.
        start: behind the opening quote.
        quote: the closing one.
        skipped: whether the value is not requested; surrogates in three bytes each are then accepted.
    """
    end = _span(_PLAIN[quote], line, start)
    if line[end : end + 1] == quote:
        try:
            text = line[start:end].decode()
        except UnicodeDecodeError:
            pass
        else:
            return (None if _is_long(text) and not skipped else text), end + 1
    return _read_units(line, start, quote, skipped=skipped)


def read_name(line: bytes, at: int, *, quote: bytes) -> tuple[str | None, int]:
    """The same for a name, which is decoded after its end is found."""
    name = bytearray()
    while True:
        end = _span(_PLAIN[quote], line, at)
        name += line[at:end]
        sign, at = line[end : end + 1], end + 1
        if sign == quote:
            return _decode_name(bytes(name)), at
        if sign != b"\\":
            return None, min(at, len(line))
        units, at = _escaped_in_name(line, at)
        if not units:
            return None, at
        name += _text(units).encode()


def read_sign(line: bytes, at: int) -> tuple[str | None, int]:
    """One character, or its first half, and the position behind it; empty at the end."""
    if line[at : at + 1] < b"\x80":
        return line[at : at + 1].decode(), min(at + 1, len(line))
    units, at = _wide(line, at, skipped=True)
    return (chr(units[0]) if units else None), at


def _span(pattern: re.Pattern[bytes], line: bytes, at: int) -> int:
    match = pattern.match(line, at)
    return at if match is None else match.end()


def _is_long(text: str) -> bool:
    return 2 * len(text) > LONGEST_VALUE and len(text.encode("utf-16-le", "surrogatepass")) > 2 * LONGEST_VALUE


def _read_units(line: bytes, at: int, quote: bytes, *, skipped: bool) -> tuple[str | None, int]:
    units: list[int] = []
    while True:
        end = _span(_ASCII[quote], line, at)
        units.extend(line[at:end])
        sign, at = line[end : end + 1], end + 1
        if sign == quote:
            return (None if len(units) > LONGEST_VALUE and not skipped else _text(units)), at
        if not sign or sign < b" ":
            return None, min(at, len(line))
        if sign == b"\\":
            unit, at = _escaped(line, at)
            added = [] if unit is None else [unit]
        else:
            added, at = _wide(line, end, skipped=skipped)
        if not added:
            return None, at
        units.extend(added)


def _text(units: list[int]) -> str:
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "surrogatepass")


def _decode_name(name: bytes) -> str | None:
    if len(name) > LONGEST_NAME:
        return None
    try:
        return name.decode()
    except UnicodeDecodeError:
        pass
    units: list[int] = []
    at = 0
    while at < len(name):
        added, at = ([name[at]], at + 1) if name[at] < 0x80 else _wide(name, at, skipped=False)
        if not added:
            return None
        units.extend(added)
    return _text(units)


def _escaped_in_name(line: bytes, at: int) -> tuple[list[int], int]:
    """The units that an escape stands for, of which there are two where it is half of a pair."""
    unit, at = _escaped(line, at)
    if unit is None or not 0xD800 <= unit < 0xE000:
        return ([] if unit is None else [unit]), at
    if unit >= 0xDC00 or line[at : at + 1] != b"\\":
        return [], at
    low, at = _escaped(line, at + 1)
    return ([] if low is None or not 0xDC00 <= low < 0xE000 else [unit, low]), at


def _escaped(line: bytes, at: int) -> tuple[int | None, int]:
    sign = line[at : at + 1]
    if sign != b"u":
        return _ESCAPED.get(sign), read_sign(line, at)[1]
    end = _span(_HEX, line, at + 1)
    if end < at + 5:
        return None, min(end + 1, len(line))
    return int(line[at + 1 : end], 16), end


def _wide(line: bytes, at: int, *, skipped: bool) -> tuple[list[int], int]:
    """The units of a character of two to four bytes, and the position behind it; none if it is broken.

    Jackson looks neither for forms that are too long nor for characters beyond the last one.
    """
    first = line[at]
    more = 1 if 0xC0 <= first < 0xE0 else 2 if 0xE0 <= first < 0xF0 else 3 if 0xF0 <= first < 0xF8 else 0
    code = first & (0x3F >> more)
    for position in range(at + 1, at + 1 + more):
        if position >= len(line) or line[position] & 0xC0 != 0x80:
            return [], min(position + 1, len(line))
        code = code << 6 | line[position] & 0x3F
    if more == 3:
        code -= 0x10000
        return [(0xD800 | code >> 10) & 0xFFFF, 0xDC00 | code & 0x3FF], at + 4
    is_surrogate = more == 2 and 0xD800 <= code <= 0xDFFF and not skipped
    return ([] if is_surrogate or not more else [code]), at + 1 + more
