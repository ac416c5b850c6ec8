"""Bytes decoded as Java does, with U+FFFD for what is no text, and encoded as UTF-8 again, for pyarrow.

`MARK` follows each such U+FFFD, so that parsers can tell it from one in the file, and keep the record apart. Apart from
that, Python's `replace` does the same, but for surrogates: Java replaces those of UTF-8 (`ED A0 80`) as one character,
and of UTF-16 a first half together with what follows it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

REPLACEMENT = "\ufffd"
MARK = "\ufdd0"
"""A noncharacter, which Unicode keeps out of texts that are exchanged."""
BROKEN = REPLACEMENT + MARK
"""What stands in decoded text for bytes that are no text."""
BROKEN_BYTES = BROKEN.encode()
UTF_8_MARK = codecs.BOM_UTF8
_BROKEN = re.compile(BROKEN_BYTES)
_JAVA_UTF_8, _JAVA_UTF_16, _JAVA_BYTES = "pipeline-java-utf-8", "pipeline-java-utf-16", "pipeline-java-bytes"


def is_ascii_compatible(encoding: str) -> bool:
    """Whether a byte below 128 is an ASCII character, wherever it is."""
    return not encoding.startswith("utf-16")


def decode(data: bytes, encoding: str) -> str:
    """The text of whole characters, in an encoding of one byte or UTF-8."""
    return data.decode(encoding, _JAVA_UTF_8 if encoding == "utf-8" else _JAVA_BYTES)


def to_utf8(data: bytes, encoding: str) -> bytes:
    """Valid UTF-8 of whole characters, in an encoding of one byte or UTF-8."""
    if data.isascii() or (encoding == "utf-8" and is_utf8(data)):
        return data
    return decode(data, encoding).encode()


def is_utf8(data: bytes) -> bool:
    """Whether all bytes are valid."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def broken_records(data: bytes, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which records, that begin at `starts` (ascending), hold bytes that are no text."""
    positions = [match.start() for match in _BROKEN.finditer(data)]
    broken = np.zeros(len(starts), np.bool_)
    broken[np.searchsorted(starts, positions, side="right") - 1] = True
    return broken


def utf8_chunks(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """A file's chunks as valid UTF-8 of whole characters, without the byte order mark."""
    first = True
    for chunk in _wide(chunks, encoding) if encoding.startswith("utf-16") else _narrow(chunks, encoding):
        text = chunk.removeprefix(UTF_8_MARK) if first else chunk
        first = first and not chunk
        yield text


def _narrow(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - (_incomplete(data) if encoding == "utf-8" else 0)
        rest = data[whole:]
        yield to_utf8(data[:whole], encoding)
    yield to_utf8(rest, encoding)


def _wide(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder, head = None, b""
    for chunk in chunks:
        data = head + chunk
        if decoder is None and len(data) < 2:
            head = data
            continue
        if decoder is None:
            codec, mark = _byte_order(data, encoding)
            decoder, data = codecs.getincrementaldecoder(codec)(_JAVA_UTF_16), data[mark:]
        head = b""
        yield decoder.decode(data).encode()
    rest = head if decoder is None else decoder.getstate()[0]
    # Java reads an incomplete character at the end anew, and has forgotten the mark by then.
    yield rest.decode("utf-16-be" if encoding == "utf-16" else encoding, _JAVA_UTF_16).encode()


def _byte_order(data: bytes, encoding: str) -> tuple[str, int]:
    """The codec, and the length of the byte order mark; without one UTF-16 is big-endian for Java."""
    if encoding != "utf-16":
        return encoding, 0
    if data.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 2
    return "utf-16-be", 2 if data.startswith(codecs.BOM_UTF16_BE) else 0


def _incomplete(data: bytes) -> int:
    """How many bytes at the end may belong to an incomplete character."""
    return next((back for back in range(1, min(3, len(data)) + 1) if data[-back] >= 0xC0), 0)


def _replace_utf8(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.start + 3]
    if broken[0] == 0xED and len(broken) > 1 and 0xA0 <= broken[1] <= 0xBF:
        return BROKEN, error.start + 2 + (len(broken) > 2 and 0x80 <= broken[2] <= 0xBF)
    return BROKEN, error.end


def _replace_utf16(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.start + 4]
    high = broken[0 if "be" in error.encoding else -1 if len(broken) < 2 else 1]
    return BROKEN, error.start + min(len(broken), 4 if 0xD8 <= high <= 0xDB else 2)


def _replace_byte(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BROKEN, error.end


codecs.register_error(_JAVA_BYTES, _replace_byte)
codecs.register_error(_JAVA_UTF_8, _replace_utf8)
codecs.register_error(_JAVA_UTF_16, _replace_utf16)
