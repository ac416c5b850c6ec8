"""From the configuration to a plan: patterns and types become names, and without any features sensible ones follow.

What follows from the contract alone: numbers and truth values are scaled to mean 0 and deviation 1, their nulls
replaced by the median; texts become one-hot ids of their 100 most frequent values; dates and times are taken apart
into year, month and weekday. Columns with another role (label, key, group, time, weight) are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from pipeline.config.expression import parse_expression
from pipeline.config.features import TYPE_PREFIX, FeaturesConfig, is_choice
from pipeline.errors import ConfigError, Problem, gather
from pipeline.kinds.date.config import DateConfig
from pipeline.kinds.date.parts import dates_of
from pipeline.kinds.plan import CategoricalPlan, FeaturePlan, NumericPlan
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.kinds.vocabulary.config import CategoricalConfig
from pipeline.schemas.expression import CallNode, ColumnNode, DerivedColumn, NumberNode, ValueType
from pipeline.schemas.table import ColumnType

Types = Mapping[str, ColumnType]

TYPES: tuple[ColumnType, ...] = ("number", "integer", "boolean", "text", "date", "timestamp")
NUMBERS, DATES = frozenset({"number", "integer", "boolean"}), frozenset({"date", "timestamp"})

MISSING = "_missing"
AUTOMATIC_CATEGORIES = 100


def needs_types(features: FeaturesConfig) -> bool:
    """Whether names alone do not decide the features."""
    groups = features.groups
    chosen = any(column.startswith(TYPE_PREFIX) for group in groups for column in group.columns)
    return features.is_automatic or chosen or bool(features.derived)


def plan_features(
    features: FeaturesConfig, names: Sequence[str], types: Types, reserved: Collection[str]
) -> FeaturePlan:
    """The plan.

    Args:
        features: the configuration.
        names: of the source's columns.
        types: of the source's columns, where `needs_types`.
        reserved: columns with a role of their own, which no pattern and no type chooses.

    Raises:
        ConfigError: a choice fits nothing, an expression does not fit the columns, or features have the same name.
    """
    if features.is_automatic:
        features = _automatic(features, names, types, reserved)
    derived = _derived(features, types)
    chooser = _Chooser(features, [*names, *(column.name for column in derived)], types, reserved)
    dates = [column for group in features.dates for column in chooser.dates(group)]
    indicators: list[DerivedColumn] = []
    numeric = []
    for group in features.numeric:
        for name in chooser.columns(group.columns):
            numeric.append(NumericPlan(name, name, group))
            if group.indicator:
                indicators.append(_indicator(name))
    numeric += [NumericPlan(column.name, column.name, NumericConfig(columns=(column.name,))) for column in dates]
    numeric += [NumericPlan(column.name, column.name, _as_it_is(column.name)) for column in indicators]
    categorical = [
        CategoricalPlan(name, (name,), group)
        for group in features.categorical
        for name in chooser.columns(group.columns)
    ]
    categorical += [CategoricalPlan(cross.feature_name, cross.columns, cross) for cross in features.crosses]
    plan = FeaturePlan(tuple(numeric), tuple(categorical), (*derived, *dates, *indicators))
    _check(plan, chooser.problems, names)
    return plan


def _automatic(
    features: FeaturesConfig, names: Sequence[str], types: Types, reserved: Collection[str]
) -> FeaturesConfig:
    """Groups that name every column by its type."""
    usable = [name for name in names if name not in reserved and not name.startswith("__") and "/" not in name]
    numbers = [name for name in usable if types[name] in NUMBERS]
    numbers += [column.name for column in _derived(features, types) if column.type == "number"]
    texts = [name for name in usable if types[name] == "text"]
    dates = [name for name in usable if types[name] in DATES]
    return features.model_copy(
        update={
            "numeric": (NumericConfig(columns=tuple(numbers), impute="median"),) if numbers else (),
            "categorical": (_one_hot(texts),) if texts else (),
            "dates": (DateConfig(columns=tuple(dates)),) if dates else (),
        }
    )


def _one_hot(texts: Sequence[str]) -> CategoricalConfig:
    return CategoricalConfig(columns=tuple(texts), max_categories=AUTOMATIC_CATEGORIES)


def _derived(features: FeaturesConfig, types: Types) -> list[DerivedColumn]:
    column_types = value_types(types)
    derived, problems = [], []
    for column in features.derived:
        try:
            node = parse_expression(column.expression, column_types)
        except ValueError as error:
            problems.append(Problem(f"Derived column '{column.name}': {error}"))
            continue
        derived.append(DerivedColumn(name=column.name, type=node.type, expression=node))
        column_types[column.name] = node.type
    if problems:
        raise ConfigError(gather("Some derived columns cannot be computed", problems))
    return derived


def value_types(types: Types) -> dict[str, ValueType]:
    """How expressions see columns."""
    return {name: "number" if kind in NUMBERS else "text" for name, kind in types.items()}


class _Chooser:
    """Resolves entries of `columns`; what is wrong with them is gathered in `problems`."""

    def __init__(self, features: FeaturesConfig, names: Sequence[str], types: Types, reserved: Collection[str]) -> None:
        groups = features.groups
        entries = [column for group in groups for column in group.columns]
        self._known = frozenset(names)
        named = {entry for entry in entries if self._is_name(entry)}
        self._free = [name for name in names if name not in reserved and name not in named]
        self._types = types
        self._taken: set[str] = set()
        self.problems: list[Problem] = []

    def columns(self, entries: Sequence[str]) -> tuple[str, ...]:
        """The columns of one group, each given out once."""
        chosen = [name for entry in entries for name in self._chosen(entry)]
        self._taken |= set(chosen)
        return tuple(dict.fromkeys(chosen))

    def dates(self, group: DateConfig) -> tuple[DerivedColumn, ...]:
        """The parts of one group of dates."""
        columns = self.columns(group.columns)
        try:
            return dates_of(group, columns)
        except ValueError as error:
            self.problems.append(Problem(f"features.dates.since: {error}"))
            return ()

    def _is_name(self, entry: str) -> bool:
        """A column may be called `a*`; it is then meant by that name."""
        return entry in self._known or not is_choice(entry)

    def _chosen(self, entry: str) -> list[str]:
        if self._is_name(entry):
            return [entry]
        free = [name for name in self._free if name not in self._taken]
        if entry.startswith(TYPE_PREFIX):
            chosen = self._of_type(entry, free)
        else:
            chosen = [name for name in free if fnmatchcase(name, entry)]
        if not chosen:
            remedy = "Correct it, or leave it out; columns named elsewhere and those with another role do not count"
            self.problems.append(Problem(f"'{entry}' in features fits no column", remedy=remedy))
        return chosen

    def _of_type(self, entry: str, free: Sequence[str]) -> list[str]:
        kind = entry.removeprefix(TYPE_PREFIX)
        if kind not in TYPES:
            self.problems.append(Problem(f"'{entry}' in features names no type", ", ".join(TYPES), kind))
            return list(free)
        fitting = NUMBERS if kind == "number" else {kind}
        return [name for name in free if self._types.get(name) in fitting]


def _indicator(name: str) -> DerivedColumn:
    """1 where the number is null, else 0."""
    test = CallNode(function="is_null", arguments=(ColumnNode(name=name, type="number"),))
    node = CallNode(function="if", arguments=(test, NumberNode(value=1.0), NumberNode(value=0.0)))
    return DerivedColumn(name=name + MISSING, type="number", expression=node)


def _as_it_is(name: str) -> NumericConfig:
    return NumericConfig(columns=(name,), impute="error", scale="none")


def _check(plan: FeaturePlan, problems: list[Problem], names: Sequence[str]) -> None:
    features = [feature.name for feature in plan.numeric] + [feature.name for feature in plan.categorical]
    if not features and not problems:
        problems = [Problem("There is no feature column", remedy="Name some under features.numeric or .categorical")]
    for name in sorted({name for name in features if features.count(name) > 1}):
        problems.append(Problem(f"There are two features called '{name}'", remedy="Rename one of them"))
    for derived in plan.derived:
        if derived.name in names:
            problems.append(Problem(f"Derived column '{derived.name}' is also in the source", remedy="Rename it"))
    numbers = {column.name for column in plan.raw if column.type == "number"}
    for column in plan.raw:
        if column.type == "text" and column.name in numbers:
            remedy = "Derive a second column for one of the uses: CAST(x AS DOUBLE) is the number in a text"
            problems.append(Problem(f"Column '{column.name}' is used both as a number and as a text", remedy=remedy))
    problems += _misplaced(plan)
    if problems:
        raise ConfigError(gather("The features do not fit the source", problems))


def _misplaced(plan: FeaturePlan) -> Iterator[Problem]:
    """Derived columns that are used as what they are not."""
    kinds = {column.name: column.type for column in plan.derived}
    for feature in plan.numeric:
        if kinds.get(feature.source) == "text":
            yield Problem(f"Derived column '{feature.source}' is a text", "a number", remedy="Make it categorical")
    for category in plan.categorical:
        for source in category.sources:
            if kinds.get(source) == "number":
                yield Problem(f"Derived column '{source}' is a number", "a text", remedy="Use encoding: bucketize")
