"""The result of scoring."""

from __future__ import annotations

from pipeline.schemas.document import Document


class WorstDrift(Document):
    """The column that differs most from the training rows.

    Attributes:
        column: its name, or that of the feature that is made of a text.
        psi: its population stability index.
        rows: that were compared.
    """

    column: str
    psi: float
    rows: int


class ScoreResult(Document):
    """A published output.

    Attributes:
        output: its URI.
        rows: that were scored.
        quarantined: rows that could not be.
        model_version: what the output's column of that name holds.
        drift: None where nothing was compared.
        rows_per_second: of reading, scoring and writing together.
        seconds: that the stage took.
        run_id: of the tracked run, if any.
    """

    output: str
    rows: int
    quarantined: int
    model_version: str
    drift: WorstDrift | None
    rows_per_second: float
    seconds: float = 0.0
    run_id: str | None = None
