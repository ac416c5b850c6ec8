"""The contract that the rows of a source keep, the bad ones aside, made of what was asked of them anyhow.

The source that it is inferred from keeps it, and gives the same store under it as without it.
"""

from __future__ import annotations

from pipeline.config.data import DataConfig
from pipeline.contract.features import NULL_TOKEN, FeatureState, VocabularyFeature
from pipeline.contract.table import ColumnTerms, ColumnType, Seen, TableContract
from pipeline.data.opening import Opened
from pipeline.data.recipe import StoreRecipe
from pipeline.data.survey import Survey

SHOWN_VALUES = 20


def contract_to_keep(recipe: StoreRecipe, opened: Opened, found: Survey, state: FeatureState) -> TableContract | None:
    """The contract that the store was made under: the one that is kept, else what follows; None where none shall be."""
    if recipe.contract is not None:
        return recipe.contract.table
    return infer_contract(opened, recipe.data, found, state) if recipe.infers_contract else None


def infer_contract(opened: Opened, data: DataConfig, found: Survey, state: FeatureState) -> TableContract:
    """The contract of the columns that are read.

    Args:
        opened: the source.
        data: the roles of columns.
        found: of all rows.
        state: with the values that training rows have.
    """
    values = _values(opened, state)
    columns = {}
    for name in opened.types:
        nulls = 0 if name in (data.label, data.weight, *data.key) else found.nulls.get(name)
        columns[name] = ColumnTerms(
            type=_type(name, opened, data, found),
            nullable=nulls is None or nulls > 0,
            seen=_seen(name, nulls, found, values.get(name, ())),
        )
    return TableContract(columns=columns)


def _type(name: str, opened: Opened, data: DataConfig, found: Survey) -> ColumnType:
    """As opened; a text format's label that is a number in every row is one."""
    is_text = opened.raw.has_lines and opened.types[name] == "text"
    if is_text and name == data.weight:
        return "number"
    is_number = name == data.label and found.label.numbers and not found.label.texts
    return "number" if is_text and is_number else opened.types[name]


def _seen(name: str, nulls: int | None, found: Survey, values: tuple[str, ...]) -> Seen | None:
    moments = found.good(name).moments
    seen = Seen(
        nulls=nulls,
        min=moments.low,
        max=moments.high,
        distinct=len(values) or None,
        values=values if len(values) <= SHOWN_VALUES else (),
    )
    return None if seen == Seen() else seen


def _values(opened: Opened, state: FeatureState) -> dict[str, tuple[str, ...]]:
    """Of the columns whose vocabulary holds every value that training rows have."""
    groups = {feature.name: feature.group for feature in opened.plan.categorical}
    return {
        feature.sources[0]: tuple(value for value in feature.vocabulary if value != NULL_TOKEN)
        for feature in state.categorical
        if isinstance(feature, VocabularyFeature) and len(feature.sources) == 1 and feature.separator is None
        if groups[feature.name].min_count == 1 and len(feature.vocabulary) < groups[feature.name].max_categories
    }
