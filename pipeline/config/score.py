"""New rows, the model that scores them, and where the predictions are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.data import BadRowsConfig
from pipeline.config.joins import JoinConfig
from pipeline.config.source import Paths, SourceConfig
from pipeline.schemas.section import LATER, Columns, Integer, OneOrMore, Section


class ScoreConfig(Section):
    """Settings of `jobs/score.py`.

    Attributes:
        path: files and folders with the rows, read with the settings of `data.source`.
        source: the rows, with all settings of their own; instead of `path`.
        joins: what is joined to the rows; None means as in training. Give `[]` where the rows have the joined columns.
        model: the folder of a published model, on any file system; None takes the one that the training of this
            configuration published.
        output: the folder that is written; None means `scores/NAME` below the storage root.
        format: of the output's files.
        escape_formulas: whether a text of a CSV file that a spreadsheet would take for a formula, since it begins with
            `=`, `+`, `-`, `@`, a tab or a line break, gets a `'` in front. Other readers see that sign.
        mode: whether an existing output is an error, or is overwritten.
        keep: columns of the source that are written as well: names, or patterns such as `score_*`. Those of `data.key`
            always are.
        prefix: put before the names of the columns that scoring adds.
        bad_rows: how many rows that cannot be scored are set aside.
        batch_rows: rows in a batch of the model.
        drift_rows: the most rows, drawn at random, that are compared with the training rows; 0 compares none.
    """

    path: Annotated[Paths | None, OneOrMore] = None
    source: SourceConfig | None = None
    joins: Annotated[tuple[JoinConfig, ...] | None, LATER] = None
    model: Annotated[str, Field(min_length=1)] | None = None
    output: Annotated[str, Field(min_length=1)] | None = None
    format: Literal["parquet", "csv", "delta"] = "parquet"
    escape_formulas: Annotated[bool, LATER] = False
    mode: Literal["error", "overwrite"] = "error"
    keep: Columns = ("*",)
    prefix: Annotated[str, Field(max_length=64)] = ""
    bad_rows: BadRowsConfig = BadRowsConfig()
    batch_rows: Annotated[Integer, Field(ge=1, le=1 << 20)] = 8192
    drift_rows: Annotated[Integer, Field(ge=0)] = 100_000

    @model_validator(mode="after")
    def _consistent(self) -> ScoreConfig:
        if self.path is not None and self.source is not None:
            raise ValueError("give path or source, not both")
        if self.escape_formulas and self.format != "csv":
            raise ValueError(f"escape_formulas goes with format: csv, not with {self.format}")
        return self
