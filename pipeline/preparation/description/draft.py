"""A first configuration for a source: roles, features and training settings, each with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.config.data import DataConfig
from pipeline.errors import DataError, Problem, gather
from pipeline.formatting import listed
from pipeline.preparation.description.described_columns import (
    DescribedColumn,
    describe_columns,
    missing_label,
    reasons_of,
    score_columns,
)
from pipeline.preparation.planning.column_choice import is_name_of_id
from pipeline.preparation.planning.feature_plan import AUTOMATIC_CATEGORIES
from pipeline.preparation.reading.survey import Survey

STEPS, LEAST_BATCH, MOST_BATCH = 64, 16, 1024
"""Steps of an epoch that a batch size aims at, and the bounds of the batch size."""
ALL_STEPS, LEAST_EPOCHS, MOST_EPOCHS = 4_000, 10, 100
"""Steps of a training run that the number of epochs aims at, and the bounds of that number."""
TRAIN_SHARE = 0.8
MOST_PER_KEY = 50
"""Rows that one value of a key has on average, at most."""
LIKELY_LABELS = ("label", "target", "class", "y", "outcome", "churned", "churn", "response")
FEW_CLASSES = 20
NEARLY_ALL = 0.9
"""The share of different texts from which on a label has no classes to learn."""


@dataclass(frozen=True)
class Draft:
    """What a first configuration says.

    Attributes:
        rows: number of rows of the source.
        is_whole: whether values were counted in all of them, and not in a sample.
        columns: all columns.
        task: of the label, as it would be inferred.
        key: the column that identifies a row's subject; None without one.
        settings: further settings, by dotted name, with the reason of each.
    """

    rows: int
    is_whole: bool
    columns: tuple[DescribedColumn, ...]
    task: str
    key: str | None = None
    settings: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def of_use(self, use: str) -> list[DescribedColumn]:
        """The columns of one use."""
        return [column for column in self.columns if column.use == use]

    @property
    def features(self) -> dict[str, Any]:
        """The section `features`."""
        groups = {use: [column.name for column in self.of_use(use)] for use in ("numeric", "categorical", "dates")}
        settings: dict[str, dict[str, Any]] = {
            "numeric": {"impute": "median"},
            "categorical": {"max_categories": AUTOMATIC_CATEGORIES},
            "dates": {},
        }
        return {use: [{"columns": names, **settings[use]}] for use, names in groups.items() if names}

    @property
    def content(self) -> dict[str, Any]:
        """What is added to the name, the source and the label."""
        content: dict[str, Any] = {"features": self.features}
        if self.key is not None:
            content["data"] = {"key": [self.key]}
        for path, (value, _) in self.settings.items():
            section, _, name = path.partition(".")
            content.setdefault(section, {})[name] = value
        return content


def draft_of(survey: Survey, names: Sequence[str], data: DataConfig, roles: Sequence[str]) -> Draft:
    """Draft a configuration.

    Args:
        survey: of the columns whose names are unique.
        names: names of all columns.
        data: the label, and what else is configured already.
        roles: columns with another role.

    Raises:
        DataError: there is no such label, or nothing can be learned from it.
    """
    columns = describe_columns(survey, names, label=data.label, roles=roles)
    label = next((column for column in columns if column.name == data.label), None)
    _check_label(label, data.label, columns, survey)
    assert label is not None
    task = task_of(label) if data.task == "auto" else data.task
    key = None if data.key or data.group else _key(columns, survey)
    columns = tuple(replace(column, use="role", reason="") if column.name == key else column for column in columns)
    columns = score_columns(columns, survey, data.label, task)
    if not any(column.use in ("numeric", "categorical", "dates") for column in columns):
        raise DataError(_nothing_left(columns))
    return Draft(survey.rows, survey.is_whole, columns, task, key, _settings(survey.rows, label, data))


def task_of(label: DescribedColumn) -> str:
    """The task that a label will have."""
    if label.type in ("text", "boolean"):
        return "binary" if label.distinct == 2 else "multiclass"
    return "binary" if label.distinct <= 2 and {*label.examples} <= {"0", "1", "0.0", "1.0"} else "regression"


def label_candidates(columns: Sequence[DescribedColumn]) -> list[DescribedColumn]:
    """The columns that may be meant as the label: by their name, by their few values, or as the last one."""
    usable = [column for column in columns if column.use in ("numeric", "categorical") and column.distinct > 1]
    named = [column for column in usable if column.name.lower() in LIKELY_LABELS]
    two = [column for column in usable if column.distinct == 2]
    return list(dict.fromkeys([*named, *usable[-1:], *two]))


def _settings(rows: int, label: DescribedColumn, data: DataConfig) -> dict[str, tuple[Any, str]]:
    train = max(int(TRAIN_SHARE * (rows - label.nulls)), 1)
    batch = min(max(1 << max(train // STEPS, 1).bit_length() - 1, LEAST_BATCH), MOST_BATCH)
    steps = -(-train // batch)
    epochs = min(max(-(-ALL_STEPS // steps), LEAST_EPOCHS), MOST_EPOCHS)
    settings: dict[str, tuple[Any, str]] = {
        "train.batch_size": (batch, f"about {steps:,} steps an epoch, of about {train:,} training rows"),
        "train.epochs": (epochs, "the most; training ends earlier where validation no longer improves"),
    }
    if label.nulls and data.label_nulls == "error":
        settings["data.label_nulls"] = ("drop", f"{label.nulls:,} of {rows:,} rows have no label")
    return settings


def _key(columns: Sequence[DescribedColumn], survey: Survey) -> str | None:
    """The first column that identifies a row or its subject by name, and has a value in every row."""
    least = max(survey.sample.num_rows / MOST_PER_KEY, 2)
    keys = (
        column.name
        for column in columns
        if column.type in ("integer", "text") and column.use not in ("label", "role")
        if is_name_of_id(column.name) and not column.nulls and column.distinct >= least
    )
    return next(keys, None)


def _check_label(label: DescribedColumn | None, name: str, columns: Sequence[DescribedColumn], survey: Survey) -> None:
    if label is None:
        raise missing_label(name, [column.name for column in columns])
    problems = []
    if label.type is None:
        kind = survey.nested.get(name, "several columns")
        problems.append(Problem(f"Label '{name}' holds {kind}, not one value a row"))
    elif label.distinct < 2:
        value = listed(repr(example) for example in label.examples) or "missing"
        problems.append(Problem(f"Label '{name}' is {value} in every row: there is nothing to learn"))
    elif label.type == "text" and label.distinct > max(NEARLY_ALL * label.present, FEW_CLASSES):
        problems.append(
            Problem(
                f"Label '{name}' has another text in nearly every row ({listed(map(repr, label.examples))}), so there "
                "are no classes to learn",
                remedy="Name a column of few classes, or of numbers",
            )
        )
    if problems:
        raise DataError(gather(f"Label '{name}' cannot be learned", problems))


def _nothing_left(columns: Sequence[DescribedColumn]) -> str:
    reasons = listed(f"'{name}' ({reason})" for name, reason in reasons_of(columns).items())
    return str(Problem(f"No column is left to learn from: {reasons}", remedy="Name features in a configuration"))
