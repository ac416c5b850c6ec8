"""What must hold before anything is written: names before the first row is read, values after the first query."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.config.data import DataConfig
from pipeline.config.features import FeaturesConfig, NumericConfig
from pipeline.config.split import SplitFractions
from pipeline.contract.label import Task
from pipeline.data.convert import is_usable
from pipeline.data.read import RawTable
from pipeline.errors import DataError, Problem, gather, nearest
from pipeline.features.statistics import NumericStatistics, TableStatistics

log = logging.getLogger(__name__)

UNEVEN_ABOVE_ROWS, UNEVEN_BY = 1000, 0.05


def check_names(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Every wanted column is there exactly once, and can be told from the other ones.

    Raises:
        DataError: naming each that is not.
    """
    problems = [problem for name in wanted if (problem := _name_problem(name, names))]
    by_folded: dict[str, list[str]] = {}
    for name in wanted:
        by_folded.setdefault(name.lower(), []).append(name)
    for alike in by_folded.values():
        if len(alike) > 1:
            shown = " and ".join(f"'{name}'" for name in alike)
            problems.append(Problem(f"Columns {shown} differ by case only", remedy="Rename one; Parquet needs it"))
    if problems:
        raise DataError(gather("The source does not have the columns that the configuration names", problems))


def _name_problem(name: str, names: Sequence[str]) -> Problem | None:
    count = Counter(names)[name]
    if count > 1:
        return Problem(f"Column '{name}' is in the source {count} times", "once", remedy="Rename the others")
    if count == 1:
        return None
    other_case = [known for known in names if known.lower() == name.lower()]
    if other_case:
        remedy = f"Names are compared with their case: write '{other_case[0]}'"
        return Problem(f"Column '{name}' is not in the source", remedy=remedy)
    return Problem(f"Column '{name}' is not in the source", remedy=nearest(name, names))


def check_types(raw: RawTable, features: FeaturesConfig) -> None:
    """Every column has a type that its role can use.

    Raises:
        DataError: naming each that has not.
    """
    numeric = {name for group in features.numeric for name in group.columns}
    problems = []
    for name in raw.names:
        kind = raw.kind(name)
        if not is_usable(kind, numeric=name in numeric):
            allowed = "a number, true/false, or text that holds numbers" if name in numeric else "a plain value"
            remedy = "Convert it, or leave it out"
            problems.append(Problem(f"Column '{name}' has no usable type", allowed, kind.simpleString(), remedy))
    if problems:
        raise DataError(gather("Some columns have a type that cannot be used", problems))


def check_values(found: TableStatistics, data: DataConfig, features: FeaturesConfig, fractions: SplitFractions) -> None:
    """What one look at all rows tells, bad rows aside.

    Raises:
        DataError: naming everything that does not hold.
    """
    if not found.rows:
        raise DataError("The source has columns and no row. Correct data.source.")
    problems = [*_key_problems(found, data), *_label_problems(found, data)]
    for group in features.numeric:
        for name in group.columns:
            problems += _numeric_problems(name, group, found.numeric[name])
    problems += _split_problems(found, fractions)
    if problems:
        raise DataError(gather("The data does not hold what the configuration asks for", problems))
    _warn_if_uneven(found, fractions, keyed=bool(data.key))


def check_label(found: TableStatistics, data: DataConfig, features: FeaturesConfig, task: Task) -> None:
    """The label fits a regression, where it is one; classes are checked when they are fitted.

    Raises:
        DataError: naming everything that does not hold.
    """
    label, name = found.label, data.label
    if task is not Task.REGRESSION:
        return
    problems = []
    if label.texts:
        remedy = "Repair the data, or set data.task: binary or multiclass"
        problems.append(Problem(f"Label '{name}' is no number in {label.texts} of {found.rows} rows", remedy=remedy))
    if label.train.std == 0.0:
        problems.append(
            Problem(f"Label '{name}' is {label.train.low:g} in every training row", remedy="Correct data.label")
        )
    if features.target.transform == "log" and label.up_to_minus_one:
        what = f"Label '{name}' is -1 or less in {label.up_to_minus_one} rows, which have no log1p"
        problems.append(Problem(what, remedy="Set features.target.transform: standard"))
    if problems:
        raise DataError(gather(f"Label '{name}' cannot be learned", problems))


def _key_problems(found: TableStatistics, data: DataConfig) -> list[Problem]:
    if not found.key_missing:
        return []
    names = ", ".join(f"'{name}'" for name in data.key)
    remedy = "Fill it, or choose other columns for data.key"
    return [Problem(f"Key {names} is null in {found.key_missing} of {found.rows} rows", remedy=remedy)]


def _label_problems(found: TableStatistics, data: DataConfig) -> list[Problem]:
    label, problems = found.label, []
    remedy = "Remove these rows, or fill their labels"
    if label.nulls:
        problems.append(Problem(f"Label '{data.label}' is null in {label.nulls} of {found.rows} rows", remedy=remedy))
    if label.not_finite:
        what = f"Label '{data.label}' is NaN or infinite in {label.not_finite} of {found.rows} rows"
        problems.append(Problem(what, remedy=remedy))
    return problems


def _numeric_problems(name: str, group: NumericConfig, found: NumericStatistics) -> list[Problem]:
    problems = []
    if found.not_finite and group.not_finite == "error":
        remedy = "Repair them, or set not_finite: null for this column"
        problems.append(Problem(f"Column '{name}' is NaN or infinite in {found.not_finite} rows", remedy=remedy))
    nulls = found.nulls + (found.not_finite if group.not_finite == "null" else 0)
    if nulls and group.impute == "error":
        remedy = "Fill them, or set impute: mean, median or constant"
        problems.append(Problem(f"Column '{name}' is null in {nulls} rows, and impute is 'error'", remedy=remedy))
    elif not found.train.count and group.impute != "constant":
        problems.append(Problem(f"Column '{name}' has no number in any training row", remedy="Leave it out"))
    return problems


def _split_problems(found: TableStatistics, fractions: SplitFractions) -> list[Problem]:
    shares: Mapping[str, float] = fractions.model_dump()
    remedy = "Give more rows, or a larger share in split.fractions"
    return [
        Problem(f"Split '{name}' gets none of {found.rows} rows, for a share of {share:g}", remedy=remedy)
        for name, share in shares.items()
        if share and not found.splits[name]
    ]


def _warn_if_uneven(found: TableStatistics, fractions: SplitFractions, *, keyed: bool) -> None:
    shares: Mapping[str, float] = fractions.model_dump()
    off = [name for name, share in shares.items() if abs(found.splits[name] / found.rows - share) > UNEVEN_BY]
    if found.rows < UNEVEN_ABOVE_ROWS or not off:
        return
    reason = "a few keys hold many of the rows" if keyed else "many rows are equal in all columns used; set data.key"
    received = ", ".join(f"{name} {found.splits[name] / found.rows:.3f}" for name in shares)
    log.warning("The splits got other shares than configured (%s): %s.", received, reason)
