"""How rows are divided: into training, validation and test, and into the folds of a cross-validation.

A row's split follows from a stable hash of its key (or of its group, its time, its value in a column) and from nothing
else: not from other rows, their order, or when they were added.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.data import DataConfig
from pipeline.config.timestamp import Duration, Timestamp, axis_length, axis_position
from pipeline.schemas.section import Columns, Count, Integer, Section

Method = Literal["hash", "stratified", "time", "group", "column"]
FoldMethod = Literal["hash", "stratified", "time", "group", "leave_one_group_out", "bootstrap"]

MAX_FOLDS = 1000


def _without_alias(value: Any) -> Any:
    return "hash" if value == "random" else value


def _text_of(value: Any) -> Any:
    """A value as the text of a category: YAML reads `1`, `1.5`, `true` and dates as something else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, (str, list, dict)) else str(value)


def _as_texts(value: Any) -> Any:
    values = value if isinstance(value, (list, tuple)) else [value]
    return tuple(_text_of(entry) for entry in values)


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_texts)]


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


class SplitValues(Section):
    """Which values of a column mean which split; each is compared as a text."""

    train: Annotated[Texts, Field(min_length=1)]
    validation: Texts = ()
    test: Texts = ()

    @model_validator(mode="after")
    def _each_once(self) -> SplitValues:
        counts = Counter((*self.train, *self.validation, *self.test))
        repeated = [value for value, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(f"value '{repeated[0]}' is given {counts[repeated[0]]} times")
        return self


class SplitConfig(Section):
    """How rows are divided into training, validation and test.

    Attributes:
        method: what decides.
            `hash` (or `random`): a hash of data.group, without one of data.key, without one of all columns used.
            `group`: the same; data.group must be given.
            `stratified`: the same; every stratum must then have rows in every split, or the job stops. No rule that
            leaves old rows in place when rows are added can do more, since such a rule may look at one row only: the
            shares within a stratum of n rows have the deviation sqrt(share (1 - share) / n).
            `time`: data.time; earlier rows are trained on, later ones are tested on.
            `column`: the value in a column.
        fractions: shares of the rows. With `time`, the closest cuts are chosen, which move when rows are added;
            `validation_from` and `test_from` do not.
        by: columns whose values together define the strata; by default the label. Numbers with many distinct values are
            binned.
        bins: how many intervals, at quantiles, a number in `by` is binned into.
        validation_from: rows from this time on are no training rows.
        test_from: rows from this time on are test rows.
        gap: how long before each cut rows are left out, and counted: `7d`, for example, or a number where times are
            numbers.
        column: the column that tells the split.
        values: the values of that column that mean each split.
    """

    method: Annotated[Method, BeforeValidator(_without_alias)] = "hash"
    fractions: SplitFractions = SplitFractions()
    by: Columns = ()
    bins: Annotated[Integer, Field(ge=2, le=100)] = 10
    validation_from: Timestamp | None = None
    test_from: Timestamp | None = None
    gap: Duration | None = None
    column: str | None = None
    values: SplitValues | None = None

    @model_validator(mode="after")
    def _fits_the_method(self) -> SplitConfig:
        belongs = {
            "stratified": ("by", "bins"),
            "time": ("validation_from", "test_from", "gap"),
            "column": ("column", "values"),
        }
        _refuse_foreign(self, belongs)
        if self.method == "column" and (self.column is None or self.values is None):
            raise ValueError("method: column needs column and values")
        if self.has_changed("fractions") and (self.method == "column" or self.cuts):
            other = "values" if self.method == "column" else "validation_from and test_from"
            raise ValueError(f"fractions do not go with {other}; leave them out")
        return self

    @model_validator(mode="after")
    def _cuts_ascend(self) -> SplitConfig:
        if len({isinstance(cut, str) for cut in self.cuts}) > 1:
            raise ValueError("validation_from and test_from must both be dates or both be numbers")
        if len(self.cuts) == 2 and axis_position(self.cuts[0]) >= axis_position(self.cuts[1]):
            raise ValueError("validation_from must be earlier than test_from")
        if self.cuts and self.gap is not None and isinstance(self.gap, str) != isinstance(self.cuts[0], str):
            raise ValueError(
                "gap must be a length like 7d where the cuts are dates, and a number where they are numbers"
            )
        return self

    @property
    def cuts(self) -> tuple[float | str, ...]:
        """The given cuts, in order."""
        return tuple(cut for cut in (self.validation_from, self.test_from) if cut is not None)

    @property
    def extent(self) -> float:
        """Of the gap, in seconds or as a number."""
        return 0.0 if self.gap is None else axis_length(self.gap)


class FoldConfig(Section):
    """How rows are divided for cross-validation; the test split takes no part.

    Attributes:
        method: `hash` (or `random`), `stratified` and `group` put each row, or each group, into one of `folds` parts.
            `time`: fold f is validated on the period f + 1 and trained on the periods before it.
            `leave_one_group_out`: as many folds as data.group has values.
            `bootstrap`: each fold trains on a sample of the rows drawn with replacement, and is validated on the rows
            that were not drawn, about 36.8 %.
        folds: how many, of one repeat.
        repeats: how often all rows are divided, each time by other hashes; for `hash`, `stratified` and `group`.
        by: columns whose values together define the strata; by default the label.
        bins: how many intervals, at quantiles, a number in `by` is binned into.
        borders: between the periods, one a fold, the first at the start of the period that fold 0 is validated on. By
            default periods have equal numbers of rows, and their borders move when rows are added.
        window: the most periods that a fold is trained on; None for all.
        gap: how many periods are left out between training and validation.
    """

    method: Annotated[FoldMethod, BeforeValidator(_without_alias)] = "hash"
    folds: Annotated[Integer, Field(ge=2, le=MAX_FOLDS)] = 5
    repeats: Annotated[Integer, Field(ge=1, le=100)] = 1
    by: Columns = ()
    bins: Annotated[Integer, Field(ge=2, le=100)] = 10
    borders: tuple[Timestamp, ...] = ()
    window: Count | None = None
    gap: Annotated[Integer, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits_the_method(self) -> FoldConfig:
        _refuse_foreign(self, {"stratified": ("by", "bins"), "time": ("borders", "window", "gap")})
        if self.repeats > 1 and self.method not in ("hash", "stratified", "group"):
            raise ValueError(f"repeats do not go with method: {self.method}")
        if self.method == "leave_one_group_out" and self.has_changed("folds"):
            raise ValueError("folds do not go with method: leave_one_group_out, which has one for each group")
        return self

    @model_validator(mode="after")
    def _borders_ascend(self) -> FoldConfig:
        if not self.borders:
            return self
        if len({isinstance(border, str) for border in self.borders}) > 1:
            raise ValueError("borders must all be dates or all be numbers")
        if len(self.borders) != self.folds + self.gap:
            raise ValueError(f"{self.folds} folds with gap {self.gap} need {self.folds + self.gap} borders")
        positions = [axis_position(border) for border in self.borders]
        if positions != sorted(set(positions)):
            raise ValueError("borders must ascend")
        return self


def role_problems(config: SplitConfig | FoldConfig, data: DataConfig) -> list[str]:
    """Roles of columns that the method needs and that are missing; empty where all is well."""
    needs = {"time": ("time", bool(data.time)), "group": ("group", bool(data.group))}
    needs["leave_one_group_out"] = needs["group"]
    role, given = needs.get(config.method, ("", True))
    problems = [] if given else [f"method: {config.method} needs data.{role}; name its column there"]
    if isinstance(config, SplitConfig) and config.column == data.label:
        problems.append(f"the label '{data.label}' cannot tell the split")
    return problems


def _refuse_foreign(section: SplitConfig | FoldConfig, belongs: dict[str, tuple[str, ...]]) -> None:
    """Settings of another method than the chosen one would silently do nothing."""
    for method, names in belongs.items():
        for name in names:
            if section.has_changed(name) and section.method != method:
                hint = "; data.time names the column of times" if (name, section.method) == ("column", "time") else ""
                raise ValueError(f"{name} goes with method: {method}, not with {section.method}{hint}")
