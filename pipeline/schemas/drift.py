"""How other rows differ from the training rows of a store, by column.

The population stability index of a column (Siddiqi, Credit Risk Scorecards, 2006; the symmetric divergence of Kullback
and Leibler, 1951) compares the shares of the two in each bin:

    PSI = sum over bins of (a - e) ln(a / e)        e: share of training rows, a: share of the other rows

with shares below `FLOOR` taken as `FLOOR`, so that an empty bin counts and stays finite. Bins of a number are those of
`NumberProfile.bins` and one for null; bins of a text are its most frequent values, all others together, and null.
Below 0.1 is usually read as no change, above 0.25 as a large one.

Two samples of the same data differ too: then PSI is about (1/n + 1/m) times a chi-squared number with one degree of
freedom fewer than there are bins (Yurdakul and Naranjo, Statistical properties of the population stability index,
2020). `chance` is what it stays below with a probability of 0.999; a PSI below that says nothing.
"""

from __future__ import annotations

from typing import Literal

from pipeline.schemas.document import Document

FLOOR = 1e-4
SHOWN_COLUMNS = 30


class ColumnDrift(Document):
    """One column.

    Attributes:
        name: of the column, or of the feature that is made of a text.
        kind: number or text.
        psi: population stability index.
        chance: what it stays below with a probability of 0.999 where nothing changed.
        missing: share of rows without a value.
        missing_before: the same of training rows.
        new: of a number, the share of rows outside the range of training rows; of a text, the share of rows whose value
            the vocabulary lacks, less the share of training rows of which this is true. Where the vocabulary holds
            every value of training, these are categories never seen. None where it cannot be told.
    """

    name: str
    kind: Literal["number", "text"]
    psi: float
    chance: float
    missing: float
    missing_before: float
    new: float | None = None

    @property
    def shift(self) -> float:
        """The index where it is more than chance, else 0."""
        return self.psi if self.psi > self.chance else 0.0


class DriftReport(Document):
    """All columns that can be compared.

    Attributes:
        data: what was compared with the training rows.
        rows: how many rows were looked at.
        columns: the most changed ones first.
    """

    data: str
    rows: int
    columns: tuple[ColumnDrift, ...]

    def to_text(self) -> str:
        """An aligned table of the columns, at most 30."""
        head = ("column", "PSI", "by chance", "null", "null before", "new or outside")
        lines = [head, *(_cells(column) for column in self.columns[:SHOWN_COLUMNS])]
        widths = [max(len(line[position]) for line in lines) for position in range(len(head))]
        table = [f"Drift of {self.data} ({self.rows:,} rows) against the training rows:"]
        table += ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]
        hidden = len(self.columns) - SHOWN_COLUMNS
        return "\n".join([*table, *([f"... and {hidden} columns with less drift"] if hidden > 0 else [])])


def _cells(column: ColumnDrift) -> tuple[str, ...]:
    new = "" if column.new is None else f"{column.new:.2%}"
    shown = column.name.encode("unicode_escape").decode() if not column.name.isprintable() else column.name
    return (
        shown,
        f"{column.psi:.4f}",
        f"{column.chance:.4f}",
        f"{column.missing:.2%}",
        f"{column.missing_before:.2%}",
        new,
    )
