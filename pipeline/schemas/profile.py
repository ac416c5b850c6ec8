"""The profile of a store: what its training rows look like, by column; `profile.json`.

Later data is compared with it (see `schemas/drift.py`), and people read it as a page.

Counts, moments, the smallest and the largest number are of all rows. Quantiles, histograms, bins and distinct numbers
are of a sample of the rows as the store holds them, in float32: see `DataProfile.sample_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from pipeline.schemas.document import Document
from pipeline.schemas.drift import DriftReport

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class Summary(Document):
    """One number in the rows of one split.

    Attributes:
        rows: in the split.
        nulls: rows without a value.
        not_finite: rows with NaN or an infinity.
        zeros: rows with 0.
        low: the smallest finite value, None where there is none; so are the next three.
        high: the largest.
        mean: of the finite values.
        std: their deviation (population).
    """

    rows: int
    nulls: int = 0
    not_finite: int = 0
    zeros: int = 0
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None

    @property
    def missing(self) -> float:
        """The share of rows without a finite value."""
        return (self.nulls + self.not_finite) / self.rows if self.rows else 0.0


class Histogram(Document):
    """Counts between edges; a bin holds its lower edge, the last bin both.

    Attributes:
        edges: one more than counts.
        counts: by bin.
        open: whether the outer bins also hold what lies beyond the outer edges.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    open: bool = False


class Bins(Document):
    """The bins by which later data is compared.

    Attributes:
        edges: between the bins, ascending; the outer bins are open. A bin holds its lower edge.
        counts: by bin, one more than edges.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class NumberProfile(Document):
    """A column that is read as a number.

    Attributes:
        name: of the raw or derived column.
        derived: whether it is computed from others.
        splits: by name of the split; `train` is always there.
        distinct: how many values there are in the sample; None where the store does not hold them.
        quantiles: at `QUANTILES`; empty where the store does not hold the values.
        histogram: for people; at most 20 bins.
        bins: for comparison.
        note: what one must know to read the numbers.
    """

    name: str
    derived: bool = False
    splits: Mapping[str, Summary]
    distinct: int | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Histogram | None = None
    bins: Bins | None = None
    note: str = ""

    @property
    def train(self) -> Summary:
        """Of training rows."""
        return self.splits["train"]


class ValueCount(Document):
    """How often a text occurs."""

    value: str
    count: int


class TextProfile(Document):
    """What a feature is made of that is read as text: a column, a cross, or the values of a multi-valued column.

    Attributes:
        name: of the feature.
        sources: the raw or derived columns.
        rows: training rows; of a multi-valued column, values, and rows without one.
        nulls: of them, rows without a value.
        distinct: how many values there are, null aside; None where only the most frequent ones were counted.
        values: the most frequent ones with their counts, at most 20; empty where values are not counted.
        unknown: rows with values that are not in the vocabulary, null aside; None where there is no vocabulary.
        note: what one must know to read the numbers.
    """

    name: str
    sources: tuple[str, ...]
    rows: int
    nulls: int = 0
    distinct: int | None = None
    values: tuple[ValueCount, ...] = ()
    unknown: int | None = None
    note: str = ""

    @property
    def rest(self) -> int:
        """Rows with values that are not among `values`, null aside."""
        return max(self.rows - self.nulls - sum(value.count for value in self.values), 0)


class DataProfile(Document):
    """All columns that the features use, and the label.

    Attributes:
        rows: of each split.
        quarantined: rows that cannot be used.
        left_out: rows that the configuration leaves out.
        label: the label.
        numbers: by column.
        texts: by feature.
        sample_rows: training rows in the sample.
        rank_error: by how much the rank of a quantile may be off, as a share of the rows; 0 where the sample holds all
            training rows.
        drift: of the validation and test rows against the training rows.
        unused: why columns that could have been chosen as features were not, by name.
    """

    rows: Mapping[str, int]
    quarantined: int = 0
    left_out: int = 0
    label: NumberProfile | TextProfile
    numbers: tuple[NumberProfile, ...] = ()
    texts: tuple[TextProfile, ...] = ()
    sample_rows: int = 0
    rank_error: float = Field(default=0.0, ge=0.0)
    drift: tuple[DriftReport, ...] = ()
    unused: Mapping[str, str] = {}
