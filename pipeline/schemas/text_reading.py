"""How the texts of a column are read, where that is not the plain way."""

from __future__ import annotations

from typing import Literal

from pipeline.schemas.document import Document

Thousands = Literal["", ",", ".", " ", "'"]
Decimal = Literal[".", ","]


class TextReading(Document):
    """How texts are read as numbers or dates.

    Attributes:
        nulls: texts that mean null in this column, besides those of `data.source.null_values`.
        decimal: the decimal sign.
        thousands: between groups of three digits; empty for none. A space stands for no-break spaces too, and an
            apostrophe for the typographic one.
        symbol: a currency sign or `%` that may stand before or behind a number; it does not change the number.
        date: the layout of dates that are not ISO 8601, such as `d/M/yyyy`.
    """

    nulls: tuple[str, ...] = ()
    decimal: Decimal = "."
    thousands: Thousands = ""
    symbol: str = ""
    date: str = ""

    @property
    def has_plain_numbers(self) -> bool:
        """Whether numbers are written with a decimal point and nothing else."""
        return self.decimal == "." and not self.thousands and not self.symbol


PLAIN = TextReading()
