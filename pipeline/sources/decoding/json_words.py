"""JSON's numbers and words, as Jackson reads them: where they end, and where an error in one leaves off."""

from __future__ import annotations

import re
import unicodedata

from pipeline.sources.decoding.json_text import read_sign

MOST_DIGITS = 1000
MOST_SHOWN = 256
"""Characters of an unknown word that Jackson reads for its message, and so skips."""

_PARTS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "Sc", "Pc", "Mn", "Mc", "Cf"})
_CONTROLS = frozenset(map(chr, (*range(9), *range(0x0E, 0x1C), *range(0x7F, 0xA0))))
_NUMBER = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?")
_DIGIT = re.compile(rb"[0-9]")
_WORDS = {b"t": b"true", b"f": b"false", b"n": b"null", b"N": b"NaN", b"I": b"Infinity"}


def read_word(line: bytes, at: int) -> tuple[bool, int]:
    """Whether a number or a word begins at a position; and the one behind it, or up to which a broken one was read."""
    sign = line[at : at + 1]
    if sign in b"-+0123456789":
        return _read_number(line, at)
    if sign in _WORDS:
        return _read_rest(line, at + 1, _WORDS[sign][1:])
    return False, (_behind_word(line, at + 1) if _is_part(sign.decode("latin-1")) else at + 1)


def _read_number(line: bytes, at: int) -> tuple[bool, int]:
    digits = at + (line[at : at + 1] in b"-+")
    match = _NUMBER.match(line, digits)
    if match is None or line[at : at + 1] == b"+":
        return _read_infinity(line, digits)
    number, end = match.group(), match.end()
    if not number[-1:].isdigit() or b".e" in number.lower():
        return False, min(end + 1, len(line))
    leads = number == b"0" and line[end : end + 1].isdigit()
    return not leads and (len(number) <= MOST_DIGITS or len(_DIGIT.findall(number)) <= MOST_DIGITS), end


def _read_infinity(line: bytes, at: int) -> tuple[bool, int]:
    """INF or Infinity, behind a sign."""
    if line[at : at + 1] != b"I":
        return False, min(at + 1, len(line))
    second = line[at + 1 : at + 2]
    if second not in (b"N", b"n"):
        return False, min(at + 2, len(line))
    return _read_rest(line, at + 2, b"F" if second == b"N" else b"finity")


def _read_rest(line: bytes, at: int, rest: bytes) -> tuple[bool, int]:
    """The rest of a word, behind which no other letter or digit may stand."""
    for offset in range(len(rest)):
        if line[at + offset : at + offset + 1] != rest[offset : offset + 1]:
            return False, _behind_word(line, at + offset)
    at += len(rest)
    after = line[at : at + 1]
    if after > b"\x7f":
        # Jackson means to decode the character, and takes its first byte for the second.
        return False, at + (b"\xc0" <= after < b"\xf8")
    if after >= b"0" and after not in b"]}" and _is_part(after.decode()):
        return False, _behind_word(line, at)
    return True, at


def _behind_word(line: bytes, at: int) -> int:
    """Behind what looks like a word, and behind the character that ends it."""
    for _ in range(MOST_SHOWN):
        sign, at = read_sign(line, at)
        if not sign or not _is_part(sign):
            break
    return at


def _is_part(sign: str) -> bool:
    """Whether Java takes a character for a part of an identifier, which control characters are too."""
    return unicodedata.category(sign) in _PARTS or sign in _CONTROLS
