r"""A text as univocity reads it: character by character, with whatever ends a record as a line feed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.sources.decoding.header import Dialect

NONE = "\0"
"""No character, for univocity."""


class TextEnded(Exception):
    """The text ends within a record."""


@dataclass(frozen=True)
class Signs:
    """The characters with a meaning, NUL for those that the dialect lacks.

    Attributes:
        separator: between fields.
        quote: around fields.
        escape: before a quote within a quoted field.
        escape_of_escape: before an escape within a quoted field.
    """

    separator: str
    quote: str
    escape: str
    escape_of_escape: str

    @classmethod
    def of(cls, dialect: Dialect) -> Signs:
        """As Spark's options give them to univocity."""
        quote = dialect.quote or NONE
        escape = dialect.escape or quote
        return cls(dialect.separator, quote, escape, NONE if escape == quote else escape)


class Characters:
    """A position in a text.

    Attributes:
        at: the next character.
        is_last: whether nothing comes behind the text.
    """

    def __init__(self, signs: Signs, line_end: str) -> None:
        r"""`line_end` is what ends a record besides a line feed: `\n`, `\r` or `\r\n`."""
        self._signs, self._line_end = signs, line_end
        separator, quoting = re.escape(signs.separator), f"{signs.quote}{signs.escape}{signs.escape_of_escape}"
        self._field_end = re.compile(f"{separator}|{line_end}")
        self._any_end = re.compile(f"{separator}|{line_end}|\n")
        self._quoting = re.compile(f"[{re.escape(quoting)}]")
        self._text, self.at, self.is_last = "", 0, True

    def start(self, text: str, at: int, *, is_last: bool) -> None:
        """Moves to a position in another text."""
        self._text, self.at, self.is_last = text, at, is_last

    def next(self) -> str:
        """The next character.

        Raises:
            TextEnded: there is none.
        """
        if self.at >= len(self._text):
            raise TextEnded
        ch = self._text[self.at]
        if ch != self._line_end[0]:
            self.at += 1
            return ch
        if len(self._line_end) == 1 or self._text.startswith(self._line_end, self.at):
            self.at += len(self._line_end)
            return "\n"
        if self.at + 1 == len(self._text) and not self.is_last:
            raise TextEnded
        self.at += 1
        return ch

    def up_to_end(self) -> str:
        """The text before the next separator or the end of the record or the text."""
        return self._up_to(self._any_end)

    def up_to_quoting(self) -> str:
        """The text before the next quote or escape or the end of the text."""
        return self._up_to(self._quoting)

    def plain_field(self) -> str | None:
        """The rest of an unquoted field; None if it lasts until the end of the text.

        Raises:
            TextEnded: more text is to come, and may be the field's.
        """
        end = self._field_end.search(self._text, self.at)
        # If the text ends with a line end, univocity looks again, and then a line feed ends the field too.
        if end is not None and not (end.group() == self._line_end == "\r" and end.end() == len(self._text)):
            value, self.at = self._text[self.at : end.start()], end.start()
            return value
        if not self.is_last:
            raise TextEnded
        return None

    def quoted_field(self) -> str | None:
        """The text before a closing quote; None if it is uncertain that the next quote closes.

        Raises:
            TextEnded: more text is to come, which decides.
        """
        end = self._text.find(self._signs.quote, self.at)
        if end < 0 or end + 1 == len(self._text):
            if not self.is_last:
                raise TextEnded
            return None
        value = self._text[self.at : end]
        if (
            self._text[end - 1] == self._signs.escape
            or self._text[end + 1] not in (self._signs.separator, "\n")
            or self._line_end in value
            or (self._signs.escape_of_escape != NONE and self._signs.escape * 2 in value)
        ):
            return None
        self.at = end + 1
        return value

    def _up_to(self, stop: re.Pattern[str]) -> str:
        match = stop.search(self._text, self.at)
        start, self.at = self.at, len(self._text) if match is None else match.start()
        taken = self._text[start : self.at]
        return taken if self._line_end == "\n" else taken.replace(self._line_end, "\n")
