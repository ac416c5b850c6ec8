"""The tokens of one line of JSON, as Jackson finds them, which is the parser that Spark reads JSON with.

It is slow and for lines that are not plain. What it must share with Jackson is more than a grammar: Spark goes on after
an error within a value, so that where a token ends, what an error leaves behind and which name is then the current one
decide what a broken line gives. Jackson is 2.21, in Spark's settings: single quotes and NaN are allowed, comments,
leading zeros and names without quotes are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pipeline.sources.decoding.decoding import UTF_8_MARK
from pipeline.sources.decoding.json_text import JsonError, read_name, read_sign, read_text
from pipeline.sources.decoding.json_words import read_word

__all__ = ["JsonError", "Tokens"]

Token = Literal["{", "}", "[", "]", "name", "string", "scalar", "null"]

DEEPEST = 1000

_SPACE = re.compile(rb"[ \t\r\n]*")


@dataclass
class _Level:
    """An object, a list, or the outermost level."""

    kind: Token | None
    entries: int = 0
    name: str | None = None


class Tokens:
    """Iterates over a line; it can continue after a `JsonError`.

    Attributes:
        token: the current one; None before the first and after the last.
        start: where it begins, in bytes.
        end: where what has been read ends.
    """

    def __init__(self, line: bytes) -> None:
        """`line` is without its end."""
        self.token: Token | None = None
        self.start = 0
        # Jackson looks for the mark only where there are four bytes.
        self.end = len(UTF_8_MARK) if len(line) > 3 and line.startswith(UTF_8_MARK) else 0
        self._line = line
        self._levels = [_Level(None)]
        self._value: Token | None = None
        self._text: str | None = None
        self._unread = False

    @property
    def name(self) -> str | None:
        """The current name, as Jackson sees it: of the object that an object or a list has just begun in."""
        begun = self.token in ("{", "[") and len(self._levels) > 1
        return self._levels[-2 if begun else -1].name

    def between(self, start: int) -> str:
        """The text from a position up to the current one."""
        return self._line[start : self.end].decode("utf-8", "replace")

    def text(self) -> str:
        """The text of the current string, in which surrogates may stand alone.

        Raises:
            JsonError: there is none.
        """
        if self._unread:
            self._read_string(skipped=False)
        return self._text or ""

    def advance(self) -> Token | None:
        """The next token.

        Raises:
            JsonError: there is none.
        """
        if self.token == "name":
            value, self._value = self._value, None
            self.token = self._begin(value)
            return self.token
        if self._unread:
            self._read_string(skipped=True)
        sign = self._sign()
        if not sign and self._levels[-1].kind:
            raise JsonError
        self.token = self._next(sign) if sign else None
        return self.token

    def skip(self) -> None:
        """Skip to the end of the object or list that begins here, if one does.

        Raises:
            JsonError: something in it is no token.
        """
        depth = 1 if self.token in ("{", "[") else 0
        while depth:
            token = self.advance()
            if token is None:
                return
            depth += (token in ("{", "[")) - (token in ("}", "]"))

    def _next(self, sign: bytes) -> Token | None:
        if sign in b"]}":
            return self._close("]" if sign == b"]" else "}")
        level = self._levels[-1]
        level.entries += 1
        if level.kind and level.entries > 1:
            if sign != b",":
                raise JsonError
            sign = self._needed_sign()
        if level.kind != "{":
            return self._begin(self._read_value(sign))
        level.name = self._read_name(sign)
        self.token = "name"
        if self._needed_sign() != b":":
            raise JsonError
        self._value = self._read_value(self._needed_sign())
        return "name"

    def _close(self, sign: Literal["]", "}"]) -> Token:
        self.start = self.end - 1
        if self._levels[-1].kind != ("[" if sign == "]" else "{"):
            raise JsonError
        self._levels.pop()
        return sign

    def _begin(self, value: Token | None) -> Token | None:
        if value in ("{", "["):
            self._levels.append(_Level(value))
            if len(self._levels) > DEEPEST + 1:
                raise JsonError
        return value

    def _sign(self) -> bytes:
        """The next byte that is no white space; empty at the end."""
        space = _SPACE.match(self._line, self.end)
        at = self.end if space is None else space.end()
        self.end = min(at + 1, len(self._line))
        sign = self._line[at : self.end]
        # A slash might begin a comment, which is refused before anything else is looked at.
        if sign == b"/" or b"" < sign < b" ":
            raise JsonError
        return sign

    def _needed_sign(self) -> bytes:
        sign = self._sign()
        if not sign:
            raise JsonError
        return sign

    def _read_name(self, sign: bytes) -> str:
        if sign not in b"\"'":
            self.end = read_sign(self._line, self.end - 1)[1]
            raise JsonError
        text, self.end = read_name(self._line, self.end, quote=sign)
        if text is None:
            raise JsonError
        return text

    def _read_string(self, *, skipped: bool) -> None:
        self._unread = False
        self._text, self.end = read_text(self._line, self.end, quote=b'"', skipped=skipped)
        if self._text is None:
            raise JsonError

    def _read_value(self, sign: bytes) -> Token:
        self.start = self.end - 1
        if sign == b'"':
            self._unread = True
            return "string"
        if sign == b"'":
            self._text, self.end = read_text(self._line, self.end, quote=b"'", skipped=False)
            if self._text is None:
                raise JsonError
            return "string"
        if sign in b"{[":
            return "{" if sign == b"{" else "["
        is_word, self.end = read_word(self._line, self.start)
        if not is_word:
            raise JsonError
        return "null" if self.between(self.start) == "null" else "scalar"
