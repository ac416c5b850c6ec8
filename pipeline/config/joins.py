"""Columns of other sources that are joined to the rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.source import SourceConfig
from pipeline.schemas.section import Columns, Section


class JoinConfig(Section):
    """One join: columns of another source, found by the values of some columns that both have.

    Attributes:
        source: the right side, with at most one row for the values of `on`.
        on: columns that both sides have. Values are compared as the texts of categories: 7 is the integer 7, the
            double 7.0 and the text `7`, but not the text `007`. A row in which one is null matches none.
        how: `left` keeps rows that match none, with nulls; `inner` leaves them out.
        prefix: put before the names of the joined columns.
    """

    source: SourceConfig
    on: Annotated[Columns, Field(min_length=1)]
    how: Literal["left", "inner"] = "left"
    prefix: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="after")
    def _distinct(self) -> JoinConfig:
        if len({*self.on}) < len(self.on):
            raise ValueError(f"on needs distinct columns; received {', '.join(self.on)}")
        return self
