r"""JSON over several lines, as a stream of lines with one object each: arrays of objects, and objects with line breaks.

    [                              \n
      {"a": 1,          ->           {"a": 1,
       "b": [2, 3]},                 "b": [2, 3]}\n
      {"a": 4}                      {"a": 4}
    ]                              \n

Only single bytes change: line breaks within an object become spaces, and the brackets and commas of the array around
all objects become line feeds. So a file of any size passes through in chunks, and what is broken in it stays broken.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.sources.decoding.json_marks import Ints, Mask, Signs, are_escaped
from pipeline.sources.decoding.streams import ByteStream

_LINE_ENDS = (ord("\n"), ord("\r"))


class Elements:
    """A stream of the elements of the array that a file holds, or of the objects that follow each other in it."""

    def __init__(self, stream: ByteStream) -> None:
        """Of a stream at its beginning."""
        self._stream = stream
        self._splitter = _Splitter()

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        return self._splitter.split(self._stream.read(size))

    def close(self) -> None:
        """Frees the file."""
        self._stream.close()


def elements_of(text: bytes) -> bytes:
    """The elements of a text, an element a line."""
    return _Splitter().split(text)


class _Splitter:
    """Where in the text the next chunk begins: within a text or not, at which depth, and in which outermost bracket."""

    def __init__(self) -> None:
        self._is_escaped = self._is_in_text = self._is_in_array = False
        self._depth = 0

    def split(self, data: bytes) -> bytes:
        """The next chunk, with other line breaks."""
        if not data:
            return data
        signs = np.frombuffer(data, np.uint8)
        plain = self._outside_of_texts(data, signs)
        lowered = signs | 0x20
        opens, closes = plain & (lowered == ord("{")), plain & (lowered == ord("}"))
        depths = self._depth + np.cumsum(opens.astype(np.int64) - closes)
        outermost = np.flatnonzero(opens & (depths == 1))
        split = signs.copy()
        split[plain & np.isin(signs, _LINE_ENDS) & (depths > 0)] = ord(" ")
        split[outermost[signs[outermost] == ord("[")]] = ord("\n")
        split[closes & (depths == 0) & (signs == ord("]"))] = ord("\n")
        commas = np.flatnonzero(plain & (signs == ord(",")) & (depths == 1))
        split[commas[self._are_in_array(signs, outermost, commas)]] = ord("\n")
        self._depth = max(int(depths[-1]), 0)
        if len(outermost):
            self._is_in_array = bool(signs[outermost[-1]] == ord("["))
        return split.tobytes()

    def _outside_of_texts(self, data: bytes, signs: Signs) -> Mask:
        """Which bytes are outside of texts; the closing quotation marks count as outside."""
        escaped: Mask = np.zeros(len(signs), np.bool_)
        if self._is_escaped or b"\\" in data:
            before = b"\\" if self._is_escaped else b""
            escaped = are_escaped(np.frombuffer(before + data, np.uint8))[len(before) :]
            self._is_escaped = data.endswith(b"\\") and not bool(escaped[-1])
        marks = (signs == ord('"')) & ~escaped
        inside: npt.NDArray[np.int64] = (np.cumsum(marks) + self._is_in_text) & 1
        self._is_in_text = bool(inside[-1])
        outside: Mask = inside == 0
        return outside

    def _are_in_array(self, signs: Signs, outermost: Ints, commas: Ints) -> Mask:
        """Whether the outermost bracket around each comma is that of an array."""
        arrays = np.append(self._is_in_array, signs[outermost] == ord("["))
        among: Mask = arrays[np.searchsorted(outermost, commas)].astype(np.bool_)
        return among
