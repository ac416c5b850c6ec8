"""What the columns of the source are worth to a model."""

from __future__ import annotations

from pipeline.schemas.document import Document


class Importance(Document):
    """What a column is worth: how much worse the model is where its values are shuffled.

    Attributes:
        column: of the source.
        drop: by how much `metric` gets worse, the mean of the repeats; negative where it gets better.
        deviation: of the repeats.
    """

    column: str
    drop: float
    deviation: float


class ImportanceReport(Document):
    """Permutation importance (Breiman, Random Forests, 2001).

    Attributes:
        metric: that gets worse: `rmse` or `log_loss`.
        value: of the rows as they are.
        rows: that it was measured on, a sample of the split.
        repeats: shuffles of each column.
        columns: the most important first.
    """

    metric: str
    value: float
    rows: int
    repeats: int
    columns: tuple[Importance, ...]
