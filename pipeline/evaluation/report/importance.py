"""How much a model depends on the columns of the source."""

from __future__ import annotations

from pipeline.schemas.document import Document


class Importance(Document):
    """The importance of a column: how much worse the model is if its values are shuffled.

    Attributes:
        column: name of the column of the source.
        drop: how much worse `metric` gets, the mean of the repeats; negative if it gets better.
        deviation: standard deviation over the repeats.
    """

    column: str
    drop: float
    deviation: float


class ImportanceReport(Document):
    """Permutation importance (Breiman, Random Forests, 2001).

    Attributes:
        metric: name of the metric, such as `rmse` or `log_loss`.
        value: value of the metric on the rows as they are.
        rows: number of rows in the sample that it was measured on.
        repeats: number of shuffles of each column.
        columns: importance of each column, the most important first.
    """

    metric: str
    value: float
    rows: int
    repeats: int
    columns: tuple[Importance, ...]
