"""Where the rows come from and which columns mean what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.base import Columns, Count, Integer, Section

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


class DataConfig(Section):
    """The table and the roles of its columns.

    Attributes:
        source: where rows come from.
        label: the column to predict.
        task: `auto` goes by the label: text and true/false are classes, 0 and 1 are two classes, numbers a regression.
        positive_class: of a two-class label; by default the later one in sorted order.
        key: columns that identify a row's subject; rows of one key share a split, whatever becomes of the features.
            By default all feature columns and the label together, so that adding a feature, or taking one away,
            moves rows between the splits; give a key to compare such models on the same rows.
    """

    source: SourceConfig
    label: str
    task: Literal["auto", "regression", "binary", "multiclass"] = "auto"
    positive_class: str | None = None
    key: Columns = ()


class StorageConfig(Section):
    """Where stores, models and runs are kept.

    Attributes:
        root: a folder, relative to the working folder, or a URI.
    """

    root: Annotated[str, Field(min_length=1)] = "artifacts"


class SplitFractions(Section):
    """Shares of the rows; they add up to 1."""

    train: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    validation: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    test: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1

    @model_validator(mode="after")
    def _adds_up(self) -> SplitFractions:
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"train, validation and test add up to {total:g}, not to 1")
        return self


class SplitConfig(Section):
    """How rows are divided.

    Attributes:
        method: `hash` decides by a stable hash of the key alone.
        fractions: shares of the rows.
    """

    method: Literal["hash"] = "hash"
    fractions: SplitFractions = SplitFractions()
