"""Plans the features: resolves patterns and types to column names, and chooses defaults where none are configured.

The defaults follow from the column types: numbers and booleans are scaled to mean 0 and standard deviation 1, with the
median in place of nulls; texts become one-hot ids of their 100 most frequent values; dates and times are split into
year, month and weekday. Columns with another role (label, key, group, time, weight) are left out, and those that
`offered_columns.py` advises against: identifiers, free text, paths and the like.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.config.expression import parse_expression
from pipeline.config.features import TYPE_PREFIX, FeaturesConfig
from pipeline.errors import ConfigError, Problem, gather
from pipeline.formatting import listed
from pipeline.kinds.date.config import DateConfig
from pipeline.kinds.plan import CategoricalPlan, FeaturePlan, NumericPlan
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.kinds.vocabulary.config import CategoricalConfig
from pipeline.preparation.planning.column_chooser import DATES, NUMBERS, ColumnChooser, Types
from pipeline.schemas.expression import CallNode, ColumnNode, DerivedColumn, NumberNode, ValueType

MISSING = "_missing"
AUTOMATIC_CATEGORIES = 100


def needs_types(features: FeaturesConfig) -> bool:
    """Whether the features depend on column types, not on names alone."""
    return chooses_by_type(features) or bool(features.derived)


def chooses_by_type(features: FeaturesConfig) -> bool:
    """Whether the types of columns decide which features there are."""
    chosen = any(column.startswith(TYPE_PREFIX) for group in features.groups for column in group.columns)
    return features.is_automatic or chosen


def plan_features(
    features: FeaturesConfig,
    names: Sequence[str],
    types: Types,
    reserved: Collection[str],
    layouts: Mapping[str, str] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> FeaturePlan:
    """Plan the features of a source.

    Args:
        features: the configuration.
        names: names of the source's columns.
        types: types of the source's columns; needed where `needs_types`.
        reserved: columns with another role, which no pattern and no type selects.
        layouts: of dates that are not ISO 8601, for default features.
        left_out: why columns are reserved that have no other role, for messages.

    Raises:
        ConfigError: a pattern or type matches nothing, an expression does not fit the columns, or two features have
            the same name.
    """
    if features.is_automatic:
        features = _automatic(features, names, types, reserved, layouts or {})
    derived = _derived(features, types)
    chooser = ColumnChooser(features, [*names, *(column.name for column in derived)], types, reserved)
    dates = [column for group in features.dates for column in chooser.dates(group)]
    indicators: list[DerivedColumn] = []
    numeric = []
    for group in features.numeric:
        for name in chooser.columns(group.columns):
            numeric.append(NumericPlan(name, name, group))
            if group.indicator:
                indicators.append(_indicator(name))
    numeric += [NumericPlan(column.name, column.name, NumericConfig(columns=(column.name,))) for column in dates]
    numeric += [
        NumericPlan(column.name, column.name, NumericConfig(columns=(column.name,), impute="error", scale="none"))
        for column in indicators
    ]
    categorical = [
        CategoricalPlan(name, (name,), group)
        for group in features.categorical
        for name in chooser.columns(group.columns)
    ]
    categorical += [CategoricalPlan(cross.feature_name, cross.columns, cross) for cross in features.crosses]
    plan = FeaturePlan(tuple(numeric), tuple(categorical), (*derived, *dates, *indicators))
    if not plan.numeric and not plan.categorical and not chooser.problems:
        raise ConfigError(_no_feature(left_out or {}))
    _check(plan, chooser.problems, names)
    return plan


def _automatic(
    features: FeaturesConfig,
    names: Sequence[str],
    types: Types,
    reserved: Collection[str],
    layouts: Mapping[str, str],
) -> FeaturesConfig:
    """The default groups, which list every column by its type."""
    usable = [name for name in names if name not in reserved and name in types]
    numbers = [name for name in usable if types[name] in NUMBERS]
    numbers += [column.name for column in _derived(features, types) if column.type == "number"]
    texts = [name for name in usable if types[name] == "text"]
    dates = [name for name in usable if types[name] in DATES]
    return features.model_copy(
        update={
            "numeric": (NumericConfig(columns=tuple(numbers), impute="median"),) if numbers else (),
            "categorical": (CategoricalConfig(columns=tuple(texts), max_categories=AUTOMATIC_CATEGORIES),)
            if texts
            else (),
            "dates": tuple(_date_groups(dates, layouts)),
        }
    )


def _date_groups(names: Sequence[str], layouts: Mapping[str, str]) -> Iterator[DateConfig]:
    """A group of dates for each layout, ISO 8601 first."""
    for layout in (None, *sorted(set(layouts.values()))):
        columns = tuple(name for name in names if layouts.get(name) == layout)
        if columns:
            yield DateConfig(columns=columns, format=layout)


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
    """The type of each column in expressions."""
    return {name: "number" if kind in NUMBERS else "text" for name, kind in types.items()}


def _indicator(name: str) -> DerivedColumn:
    """A derived column that is 1 where a number is null, else 0."""
    test = CallNode(function="is_null", arguments=(ColumnNode(name=name, type="number"),))
    node = CallNode(function="if", arguments=(test, NumberNode(value=1.0), NumberNode(value=0.0)))
    return DerivedColumn(name=name + MISSING, type="number", expression=node)


def _no_feature(left_out: Mapping[str, str]) -> str:
    reasons = listed(f"'{name}' ({reason})" for name, reason in left_out.items())
    what = f"There is no feature column. Left out are {reasons}" if left_out else "There is no feature column"
    return str(Problem(what, remedy="Name some under features.numeric or .categorical"))


def _check(plan: FeaturePlan, problems: list[Problem], names: Sequence[str]) -> None:
    features = [feature.name for feature in plan.numeric] + [feature.name for feature in plan.categorical]
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
    """Problems of derived columns that are used as another type than theirs."""
    kinds = {column.name: column.type for column in plan.derived}
    for feature in plan.numeric:
        if kinds.get(feature.source) == "text":
            yield Problem(f"Derived column '{feature.source}' is a text", "a number", remedy="Make it categorical")
    for category in plan.categorical:
        for source in category.sources:
            if kinds.get(source) == "number":
                yield Problem(f"Derived column '{source}' is a number", "a text", remedy="Use encoding: bucketize")
