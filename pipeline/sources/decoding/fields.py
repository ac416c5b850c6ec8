r"""One record at a time, exactly as Spark reads it: univocity-parsers 2.9.1 under the settings of Spark's CSV source.

This slow way is for records with ambiguous quotes; all others are read by pyarrow. The rules, for
the quote `"` (`CsvParser.parseRecord` and what it calls):

- A field that does not begin with a quote is taken literally up to the next separator, quotes within it too.
- A quoted field whose closing quote is followed by a separator or the end of the record is what is in between. Spaces
  after the closing quote are dropped.
- A quoted field whose closing quote is followed by anything else is taken literally up to the next separator, with its
  quotes (`STOP_AT_DELIMITER`); so is `"a"b` read as `"a"b`.
- A quote that is never closed lasts until the text ends, without its opening quote; `is_open` tells of that, and the
  callers call such a record malformed, which Spark does not.
- NUL is dropped from a quoted field that needs more than one look: univocity uses it for "no character". For the same
  reason NUL is a quote where the dialect has none.

The other rules about escapes follow from the code, which keeps to univocity's order of steps and to its state: the
current and the previous character, each of them with NUL for none.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import DataError
from pipeline.sources.decoding.characters import NONE, Characters, Signs, TextEnded


class FieldParser:
    """Splits records into fields; an instance may be used for any number of texts.

    Attributes:
        holds_line_end: whether a field of the last record is taken literally although a line ends within its quotes.
    """

    def __init__(self, signs: Signs, line_end: str = "\n") -> None:
        r"""`line_end` is what ends a record besides a line feed: `\n`, `\r` or `\r\n`; it is read as a line feed."""
        self._text = Characters(signs, line_end)
        self._separator, self._quote, self._escape = signs.separator, signs.quote, signs.escape
        self._escape_of_escape = signs.escape_of_escape
        self._ch, self._prev, self._unescaped = NONE, NONE, False
        self._value, self._row = "", list[str]()
        self.holds_line_end = False

    def is_open(self, text: str, fields: Sequence[str]) -> bool:
        """Whether a quote is still open where a record ends, given its text and fields: a separator is then quoted."""
        return self._quote != NONE and self._quote in text and len(self.parse(text + self._separator)[0]) == len(fields)

    def parse(self, text: str, start: int = 0, *, is_last: bool = True) -> tuple[list[str], int]:
        """The fields of the record that begins at `start`, none where the line is empty, and where the next begins.

        Raises:
            TextEnded: the text ends within the record, and is not the `is_last` one.
            DataError: escapes behind a closing quote are too many for univocity's way of reading them.
        """
        self._text.start(text, start, is_last=is_last)
        self._ch, self._prev, self._unescaped = "\n", NONE, False
        self._value, self._row = "", []
        self.holds_line_end = False
        try:
            self._ch = self._text.next()
            self._record()
        except TextEnded:
            if not is_last:
                raise
            self._end_of_text(start)
        except RecursionError as error:
            raise DataError(f"A field has too many escapes: '{text[start : start + 80]}...'.") from error
        return self._row, self._text.at

    def _push(self) -> None:
        self._row.append(self._value)
        self._value = ""

    def _record(self) -> None:
        while self._ch != "\n":
            if self._ch == self._separator:
                self._push()
            else:
                self._unescaped, self._prev = False, NONE
                if self._ch != self._quote:
                    self._plain()
                elif self._closed_at_once():
                    if self._after_closing():
                        return
                    continue
                else:
                    self._quoted()
                    self._push()
            if self._ch != "\n":
                self._ch = self._text.next()
                if self._ch == "\n":
                    self._push()

    def _end_of_text(self, start: int) -> None:
        closed = self._ch == self._quote and self._prev == self._quote
        if self._ch == self._quote and not closed and not self._unescaped:
            self._value += self._quote
        if self._text.at > start:
            self._push()

    def _plain(self) -> None:
        """An unquoted field."""
        rest = self._text.plain_field()
        if rest is None:
            self._take_up_to_end()
        else:
            self._value = self._ch + rest
            self._ch = self._text.next()
        self._push()

    def _closed_at_once(self) -> bool:
        """Whether a quoted field certainly ends at its next quote; its value is then pushed."""
        value = self._text.quoted_field()
        if value is not None:
            self._value = value
            self._push()
        return value is not None

    def _after_closing(self) -> bool:
        """Past the separator or line end that follows a closing quote; whether the text ends there."""
        self._ch = self._text.next()
        if self._ch == self._separator:
            try:
                self._ch = self._text.next()
            except TextEnded:
                if not self._text.is_last:
                    raise
                self._push()
                return True
            if self._ch == "\n":
                self._push()
        return False

    def _quoted(self) -> None:
        """A quoted field with escapes or misplaced quotes."""
        self._ch = self._text.next()
        while not (self._prev == self._quote and (self._ch <= " " or self._ch == self._separator)):
            if self._ch not in (self._quote, self._escape):
                if self._prev == self._quote:
                    self._unescaped = True
                    self._value += self._quote
                    self._literally()
                    return
                if self._prev == self._escape != NONE:
                    self._value += self._escape
                self._take_up_to_quoting()
                self._prev = self._ch
                self._ch = self._text.next()
            else:
                self._quote_or_escape()
                self._prev = self._ch
                self._ch = self._text.next()
                if self._unescaped and self._ch in (self._separator, "\n"):
                    return
        self._spaces_after_closing()

    def _spaces_after_closing(self) -> None:
        spaces = ""
        while self._ch <= " " and self._ch not in (self._separator, "\n"):
            spaces += self._ch
            self._ch = self._text.next()
        if self._ch not in (self._separator, "\n"):
            self._value += self._quote + spaces
            self._literally()

    def _literally(self) -> None:
        """The rest of a field that began with a quote and continues after a second one."""
        self.holds_line_end |= "\n" in self._value
        self._value = self._quote + self._value + self._ch
        self._prev = self._ch
        self._ch = self._text.next()
        self._take_up_to_end()

    def _quote_or_escape(self) -> None:
        if self._ch == self._escape and self._prev == self._escape_of_escape != NONE:
            self._value += self._escape
            self._ch = NONE
        elif self._prev == self._escape:
            if self._ch == self._quote:
                self._value += self._quote
                self._ch = NONE
            else:
                self._value += self._prev
        elif self._ch == self._quote == self._prev:
            self._value += self._quote
        elif self._prev == self._quote:
            self._value += self._quote
            self._prev = self._ch
            self._escaped_after_closing()

    def _escaped_after_closing(self) -> None:
        while self._ch not in (self._separator, "\n"):
            if self._ch in (self._quote, self._escape):
                self._quote_or_escape()
            elif self._prev == self._quote:
                self._value += self._quote
                self._prev = self._ch
                continue
            else:
                self._value += self._ch
            self._prev = self._ch
            self._ch = self._text.next()

    def _take_up_to_end(self) -> None:
        if self._ch not in (self._separator, "\n"):
            self._value += self._ch + self._text.up_to_end()
            self._ch = self._text.next()

    def _take_up_to_quoting(self) -> None:
        if self._ch != self._escape_of_escape:
            self._value += self._ch + self._text.up_to_quoting()
            self._ch = self._text.next()
