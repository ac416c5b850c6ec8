"""The result of scoring."""

from __future__ import annotations

from pipeline.schemas.document import Document


class WorstDrift(Document):
    """The column that differs most from the training rows.

    Attributes:
        column: its name, or that of the feature made from a text.
        psi: its population stability index.
        rows: the number of rows that were compared.
    """

    column: str
    psi: float
    rows: int


class ScoreResult(Document):
    """A published output.

    Attributes:
        output: its URI.
        rows: the number of scored rows.
        quarantined: the number of rows that could not be scored.
        model_version: the value of the output's column of that name.
        drift: the column with the most drift; None where nothing was compared.
        rows_per_second: the speed of reading, scoring and writing together.
        seconds: the duration of the stage.
        run_id: the tracked run, if any.
    """

    output: str
    rows: int
    quarantined: int
    model_version: str
    drift: WorstDrift | None
    rows_per_second: float
    seconds: float = 0.0
    run_id: str | None = None
