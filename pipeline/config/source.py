"""Where the rows come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.base import Count, Integer, Section

SampleName = Literal["bank", "iris", "breast_cancer"]


class SourceConfig(Section):
    """One source: files, or a sample that the pipeline makes itself.

    Attributes:
        path: a file or folder, relative to the working folder; any file system that Spark reads.
        format: `auto` goes by the file's ending.
        separator: between fields of a CSV or TSV file; None means by format.
        null_values: texts that mean null, besides the empty one, in a CSV or TSV file.
        sample: a built-in data set instead of a path.
        multiline: whether a quoted field of a CSV or TSV file may hold line breaks; a file is then read by one task.
        rows: how many rows to generate, for a generated sample.
        seed: of a generated sample.
    """

    path: str | None = None
    format: Literal["auto", "csv", "tsv", "json", "parquet"] = "auto"
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    null_values: tuple[str, ...] = ("NA",)
    multiline: bool = False
    sample: SampleName | None = None
    rows: Count = 200_000
    seed: Integer = 0

    @model_validator(mode="after")
    def _one_source(self) -> SourceConfig:
        if (self.path is None) == (self.sample is None):
            raise ValueError("give either path or sample")
        return self
