"""Where the rows come from, which columns mean what, and where results are kept."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.config.expression import check_expression
from pipeline.config.joins import JoinConfig
from pipeline.config.sampling import SamplingConfig
from pipeline.config.source import SourceConfig
from pipeline.schemas.references import entry_of
from pipeline.schemas.section import LATER, Columns, Number, OneOrMore, Section
from pipeline.schemas.target import TARGETS


def is_fitting(name: str, entry: str) -> bool:
    """Whether a column has a name, or one that fits a pattern; unnamed columns fit none."""
    return name == entry or (name != "" and fnmatchcase(name, entry))


class BadRowsConfig(Section):
    """Rows that cannot be used: malformed lines, values that are not as configured, missing labels and keys.

    Attributes:
        budget: the most that are set aside, as a number of rows or, below 1, as a share of all; more stop the job.
    """

    budget: Annotated[Number, Field(ge=0.0)] = 0.0

    def allowed(self, rows: int) -> int:
        """The budget for a source of so many rows."""
        return int(self.budget * rows) if self.budget < 1.0 else int(self.budget)


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
        joins: columns of other sources, added to the rows before anything else happens to them.
        weight: a column of numbers that are 0 or more: how much a row counts in training.
        filter: an SQL expression; rows for which it is not true are left out, and counted.
        bad_rows: how many rows that cannot be used are set aside.
        sampling: whether training rows of some classes are left out or repeated.
        time: the column that orders rows in time: a date, a date and time (ISO 8601), or a number.
        group: columns whose values together name a group; rows of one group share a split, and go before the key.
        exclude: columns that no feature is made of, by name or pattern (`tmp_*`); one that has a role keeps it.
        label_nulls: `error` counts a row without a label as a bad row; `drop` leaves it out, and counts it.
        audit: `full` compares every key and every row between the splits; `quick` does so wherever the data decides the
            split, and on a sample of the keys where a hash of the key does.
        contract: the YAML file that says what the columns hold (`schemas/source_contract.py`), written by the first run
            and enforced by later ones: `auto` keeps it as `contracts/NAME.yaml` below the storage root, else its path;
            `none` keeps and enforces nothing.
    """

    source: SourceConfig
    label: str
    task: Annotated[str, entry_of(TARGETS, "auto")] = "auto"
    positive_class: str | None = None
    key: Columns = ()
    joins: Annotated[tuple[JoinConfig, ...], OneOrMore, LATER] = ()
    weight: str | None = None
    filter: Annotated[str, Field(min_length=1)] | None = None
    bad_rows: BadRowsConfig = BadRowsConfig()
    sampling: SamplingConfig = SamplingConfig()
    time: str | None = None
    group: Columns = ()
    exclude: Annotated[Columns, LATER] = ()
    label_nulls: Annotated[Literal["error", "drop"], LATER] = "error"
    audit: Literal["full", "quick"] = "quick"
    contract: Annotated[str, Field(min_length=1)] = "auto"

    def excludes(self, name: str) -> bool:
        """Whether `exclude` has a column."""
        return any(is_fitting(name, entry) for entry in self.exclude)

    @field_validator("filter")
    @classmethod
    def _is_allowed(cls, text: str | None) -> str | None:
        if text is not None:
            check_expression(text)
        return text

    @model_validator(mode="after")
    def _sampling_needs_classes(self) -> DataConfig:
        if self.sampling.method != "none" and self.task != "auto" and not TARGETS.resolve(self.task).has_classes:
            raise ValueError(f"sampling needs a label with classes, not task: {self.task}; weigh rows by weight")
        return self


class StorageConfig(Section):
    """Where stores, models and runs are kept.

    Attributes:
        root: a folder, relative to the working folder, or a URI.
    """

    root: Annotated[str, Field(min_length=1)] = "artifacts"
