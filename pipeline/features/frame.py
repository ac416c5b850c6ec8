"""Features of a data frame, for those who bring their own: fitted on all of its rows, added to any other.

The numbers are those of a store: the same queries fit them, the same expressions execute them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.contract.features import FeatureState
from pipeline.contract.label import LabelSpec, Task
from pipeline.data.check import check_names, check_types
from pipeline.data.fitting import fit_features
from pipeline.data.opening import open_rows
from pipeline.data.raw import RawTable, SourceTable, typed_table
from pipeline.data.recipe import StoreRecipe
from pipeline.data.survey import checked_survey
from pipeline.data.table import safe_names, typed_rows
from pipeline.errors import DataError, Problem, gather
from pipeline.features.transform import feature_columns, label_value, with_places


def fit_frame(rows: DataFrame, recipe: StoreRecipe, null_values: Sequence[str] = ()) -> FeatureState:
    """Fit on the rows that the recipe's split calls training rows.

    Args:
        rows: gone through several times, so they must be the same each time.
        recipe: features, label and split; its source is not looked at.
        null_values: texts that mean null.

    Raises:
        ConfigError: the features do not fit the columns or the label.
        DataError: columns are missing, or rows are not as configured.
    """
    opened = open_rows(recipe, _with_markers(typed_table(rows), tuple(null_values)))
    return fit_features(recipe, opened, checked_survey(recipe, opened)).state


def with_features(rows: DataFrame, state: FeatureState, prefix: str = "") -> DataFrame:
    """Add the columns of a store; the label too, where it is there.

    A text that is no number counts as null in a numeric feature. A label is null where it is missing or a class that
    fitting did not see.

    Args:
        rows: with the columns of `state.raw` and any others, which stay as they are.
        state: the fitted features.
        prefix: put before the name of each new column. Without one, a new column takes the place of the raw column of
            the same name.

    Raises:
        DataError: columns are missing, of a type that cannot be used, or have the name of a new one.
    """
    raw = _read(rows, state)
    label = state.label.name if state.label.name in raw.names else None
    typed = typed_rows(raw, state.raw, state.derived, label=label, weight=None)
    columns = safe_names(state.raw, state.derived)
    features = feature_columns(state, columns)
    names = [*(feature.name for feature in state.numeric), *(name for name, _ in state.id_columns)]
    made = {prefix + name: column for name, column in zip(names, features, strict=True)}
    if label is not None:
        made[prefix + label] = _known_label(state.label)
    _check_new(list(made), rows.columns, () if prefix else raw.names)
    return with_places(typed, state, columns).select(*_placed(rows.columns, made))


def feature_names(state: FeatureState, prefix: str = "") -> list[str]:
    """The names of the columns that `with_features` adds, the label's aside."""
    return [prefix + name for name in (*(f.name for f in state.numeric), *(name for name, _ in state.id_columns))]


def _with_markers(table: SourceTable, markers: tuple[str, ...]) -> SourceTable:
    return replace(table, reader=lambda wanted: replace(table.reader(wanted), markers=markers))


def _read(rows: DataFrame, state: FeatureState) -> RawTable:
    """The columns that are needed, beside all columns by place, `c0, c1, ...`: a name may be anything."""
    names = rows.columns
    wanted = [column.name for column in state.raw]
    wanted += [state.label.name] if state.label.name in names else []
    wanted = list(dict.fromkeys(wanted))
    check_names(names, wanted)
    placed = rows.toDF(*(f"c{place}" for place in range(len(names))))
    read = {f"r{i}": F.col(f"c{names.index(name)}") for i, name in enumerate(wanted)}
    raw = RawTable(placed.withColumns(read), tuple(wanted), state.null_values)
    check_types(raw, state.raw)
    return raw


def _known_label(label: LabelSpec) -> Column:
    value = label_value(label)
    return value if label.task is Task.REGRESSION else F.when(value >= 0, value)


def _check_new(new: Sequence[str], there: Sequence[str], replaced: Collection[str]) -> None:
    alike: dict[str, list[str]] = {}
    for name in there:
        alike.setdefault(name.lower(), []).append(name)
    taken = [name for name in new if any(old != name or old not in replaced for old in alike.get(name.lower(), ()))]
    problems = [Problem(f"The data frame already has a column '{name}'") for name in taken]
    if problems:
        title = "Features would get names that are taken; set outputPrefix or rename columns"
        raise DataError(gather(title, problems) + ("" if len(problems) > 1 else " Set outputPrefix, or rename it."))


def _placed(names: Sequence[str], made: Mapping[str, Column]) -> list[Column]:
    old = [made[name].alias(name) if name in made else F.col(f"c{i}").alias(name) for i, name in enumerate(names)]
    return old + [column.alias(name) for name, column in made.items() if name not in names]
