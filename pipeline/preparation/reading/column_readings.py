"""Weighs what the texts of a column look like: its type, how its texts are read, and what to say about it.

A column is what at least 99 % of its values are, null markers aside. What cannot be decided stays text, with a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipeline.arrays import text_clues as clue
from pipeline.arrays.text_types import SHARE, TextCounts
from pipeline.formatting import counted, listed
from pipeline.schemas.source_contract import DATES, ColumnType
from pipeline.schemas.text_reading import PLAIN, Decimal, TextReading, Thousands

DAY_FIRST, MONTH_FIRST = "d/M/yyyy", "M/d/yyyy"
MOST = 0.5
"""Of a column with so many numbers, it is said why it is text."""
_SHOWN_MARKERS = 8


@dataclass(frozen=True)
class ColumnReading:
    """What a column of texts is.

    Attributes:
        type: of its values.
        reading: how they are read.
        remark: what a user should know about that; empty where there is nothing to say.
    """

    type: ColumnType
    reading: TextReading = PLAIN
    remark: str = ""


class ColumnEvidence:
    """The counts and clues of one column."""

    def __init__(self, counts: TextCounts, clues: pa.Table, given: TextReading) -> None:
        """`given` has the signs that the configuration sets; one that differs from `PLAIN` is not guessed."""
        self._counts, self._given = counts, given
        rows = zip(*(clues[name].to_pylist() for name in clue.CLUES.names), strict=True)
        self._seen: Mapping[str, tuple[int, str]] = {name: (count, example) for name, count, example in rows}
        self._nulls = self._ending_of(clue.NULL)

    def reading(self, separator: str) -> ColumnReading:
        """What the column is; between fields of the file stands `separator`."""
        plain = self._counts.type()
        if self._of(clue.PADDED) and plain in ("integer", "number"):
            example = self._seen[clue.PADDED][1]
            return ColumnReading("text", remark=f"is text: leading zeros, as in '{example}', would be lost in numbers")
        present = self._counts.present - sum(self._nulls.values())
        is_plain = plain != "text" and not self._nulls and not self._of(clue.NUMBER)
        if not present or (is_plain and self._given == PLAIN) or (plain in DATES and not self._nulls):
            return ColumnReading(plain)
        if self._counts.boolean >= SHARE * present and self._counts.number == self._ending_count_nan():
            return ColumnReading(
                "boolean", TextReading(nulls=tuple(sorted(self._nulls))), f"is true or false{self._null_remark()}"
            )
        return self._dates(present) or self._numbers(present, separator) or ColumnReading("text")

    def _of(self, *names: str) -> int:
        return sum(self._seen.get(name, (0, ""))[0] for name in names)

    def _ending_of(self, start: str) -> dict[str, int]:
        return {name.removeprefix(start): count for name, (count, _) in self._seen.items() if name.startswith(start)}

    def _dates(self, present: int) -> ColumnReading | None:
        iso, zoned = self._counts.timestamp, self._of(clue.ZONED)
        nulls = TextReading(nulls=tuple(sorted(self._nulls)))
        if iso + zoned >= SHARE * present:
            kind: ColumnType = "date" if self._counts.date == iso + zoned else "timestamp"
            return ColumnReading(kind, nulls, self._of_values("dates", iso + zoned))
        first, second, either = (self._of(name) for name in (clue.DAY_FIRST, clue.MONTH_FIRST, clue.DAY_OR_MONTH))
        if first + second + either < SHARE * present:
            return None
        example = min(
            self._seen[name][1] for name in (clue.DAY_FIRST, clue.MONTH_FIRST, clue.DAY_OR_MONTH) if self._of(name)
        )
        if bool(first) == bool(second):
            why = "some are day-first and others month-first" if first else "day and month cannot be told apart"
            remedy = "To use it as a date, name it in features.dates with its format, such as dd/MM/yyyy"
            return ColumnReading(
                "text", remark=f"is text: its dates, such as '{example}', are ambiguous, since {why}. {remedy}"
            )
        layout, order = (DAY_FIRST, "day-first") if first else (MONTH_FIRST, "month-first")
        remark = f"holds {order} dates ({layout}), such as '{example}': no value contradicts that{self._null_remark()}"
        return ColumnReading("date", nulls.model_copy(update={"date": layout}), remark)

    def _numbers(self, present: int, separator: str) -> ColumnReading | None:
        plain = self._counts.number - self._ending_count_nan()
        numbers = plain + self._counts.boolean + self._of(clue.NUMBER)
        if numbers < SHARE * present or not plain + self._of(clue.NUMBER):
            return self._mostly_numbers(numbers, present)
        problem = self._mixture(numbers)
        if problem:
            return ColumnReading("text", remark=f"is text: {problem}")
        decimal, thousands = self._signs(separator)
        symbol = next(iter(self._ending_of(clue.SYMBOL)), "")
        reading = TextReading(nulls=tuple(sorted(self._nulls)), decimal=decimal, thousands=thousands, symbol=symbol)
        whole = self._counts.integer == plain and reading.has_plain_numbers
        return ColumnReading("integer" if whole else "number", reading, self._of_values("numbers", numbers, reading))

    def _mostly_numbers(self, numbers: int, present: int) -> ColumnReading | None:
        """A column that is text since too many of its values are no numbers, though most of them are."""
        if numbers < MOST * present:
            return None
        example = self._seen.get(clue.OTHER, (0, ""))[1]
        share = f"{numbers:,} of {counted(present, 'value', verb='is')} numbers"
        return ColumnReading("text", remark=f"is text: only {share}, and others are not, such as '{example}'")

    def _ending_count_nan(self) -> int:
        """Texts of NaN, which are numbers to Java, and null markers here."""
        return sum(count for marker, count in self._nulls.items() if marker.lower() in ("nan", "+nan", "-nan"))

    def _mixture(self, numbers: int) -> str:
        """Why numbers cannot be read in one way; empty where they can."""
        symbols = self._ending_of(clue.SYMBOL)
        if len(symbols) > 1:
            return f"its numbers have different signs, {listed(sorted(symbols))}"
        if 0 < symbols.get("%", 0) < SHARE * numbers:
            return f"only {symbols['%']:,} of {numbers:,} numbers are percentages"
        comma, point = self._of(clue.DECIMAL_COMMA), self._of(clue.DECIMAL_POINT)
        if self._given.decimal == "." and comma and (point or self._of(clue.THOUSANDS[","])):
            example = self._seen[clue.DECIMAL_COMMA][1]
            return f"some numbers have a decimal point, and others, such as '{example}', a decimal comma"
        return ""

    def _signs(self, separator: str) -> tuple[Decimal, Thousands]:
        """The decimal and the thousands sign."""
        given = self._given
        thousands: Thousands = next((sign for sign, name in clue.THOUSANDS.items() if self._of(name)), "")
        fractions = self._counts.number > self._counts.integer + self._ending_count_nan()
        grouped_points = self._of(clue.GROUPED_POINT) and not self._of(clue.DECIMAL_POINT) and not fractions
        comma = self._of(clue.DECIMAL_COMMA) or thousands == "." or given.decimal == ","
        either = self._of(clue.EITHER)
        if not comma and either and not given.thousands:
            # Programs write semicolons between fields where the comma is the decimal sign.
            comma = separator == ";" and not self._of(clue.DECIMAL_POINT) and not fractions and not thousands
        if comma:
            has_points = thousands == "." or fractions or self._of(clue.GROUPED_POINT)
            return ",", given.thousands or ("." if has_points else thousands)
        return ".", given.thousands or ("," if either else "." if grouped_points else thousands)

    def _of_values(self, what: str, count: int, reading: TextReading = PLAIN) -> str:
        """The line of the report: how many values are what, and how they are written."""
        written = []
        if reading.decimal == ",":
            written.append("decimal commas")
        if reading.thousands:
            written.append(f"thousands between '{reading.thousands}'")
        if reading.symbol:
            written.append(f"the sign '{reading.symbol}', which is left out")
        if not written and not self._nulls:
            return ""
        how = f", written with {' and '.join(written)}" if written else ""
        share = f"{count:,} of {counted(self._counts.present, 'value', verb='is')} {what}"
        return f"holds {what}: {share}{how}{self._null_remark()}"

    def _null_remark(self) -> str:
        if not self._nulls:
            return ""
        markers = listed([f"'{marker}'" for marker in sorted(self._nulls)], _SHOWN_MARKERS)
        return f"; {counted(sum(self._nulls.values()), 'value', verb='is')} null, written as {markers}"
