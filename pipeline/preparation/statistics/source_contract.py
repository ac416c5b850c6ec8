"""The contract that the rows of a source keep, the bad ones aside, made of what was asked of them anyhow.

The source that it is inferred from keeps it, and gives the same store under it as without it.
"""

from __future__ import annotations

from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.config.data import DataConfig
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.schemas.table import NUMBERS, ColumnTerms, ColumnType, Seen, TableContract
from pipeline.schemas.tokens import NULL_TOKEN

SHOWN_VALUES = 20


def contract_to_keep(
    store_spec: StoreSpec, opened: OpenedDataset, statistics: DatasetStatistics, state: FittedFeatures
) -> TableContract | None:
    """The contract that the store was made under: the one that is kept, else what follows; None where none shall be."""
    if store_spec.contract is not None:
        return store_spec.contract.table
    return infer_contract(opened, store_spec.data, statistics, state) if store_spec.infers_contract else None


def infer_contract(
    opened: OpenedDataset, data: DataConfig, statistics: DatasetStatistics, state: FittedFeatures
) -> TableContract:
    """The contract of the columns that are read.

    Args:
        opened: the source.
        data: the roles of columns.
        statistics: of all rows.
        state: with the values that training rows have.
    """
    values = _values(opened, state)
    columns = {}
    for name in opened.types:
        kind = _type(name, opened, data, statistics)
        nulls = 0 if name in (data.label, data.weight, *data.key) else statistics.nulls.get(name)
        seen = _seen(kind, nulls, statistics.good(name), values.get(name, ()))
        columns[name] = ColumnTerms(type=kind, nullable=nulls is None or nulls > 0, seen=seen)
    return TableContract(columns=columns)


def _type(name: str, opened: OpenedDataset, data: DataConfig, statistics: DatasetStatistics) -> ColumnType:
    """As opened; a text format's label is a number only where every row has one."""
    is_number = statistics.label.numbers > 0 and not statistics.label.texts
    return "text" if name == data.label and opened.raw.columns.has_lines and not is_number else opened.types[name]


def _seen(kind: ColumnType, nulls: int | None, statistics: ColumnStatistics, values: tuple[str, ...]) -> Seen | None:
    """What the rows held; bounds of a truth value would tell nothing."""
    bounds = statistics.moments if kind in NUMBERS else Moments()
    seen = Seen(
        nulls=nulls,
        min=_plain(bounds.low, kind),
        max=_plain(bounds.high, kind),
        distinct=len(values) or None,
        values=values if len(values) <= SHOWN_VALUES else (),
    )
    return None if seen == Seen() else seen


def _plain(value: float | None, kind: ColumnType) -> float | int | None:
    return int(value) if value is not None and kind == "integer" else value


def _values(opened: OpenedDataset, state: FittedFeatures) -> dict[str, tuple[str, ...]]:
    """Of the columns whose vocabulary holds every value that training rows have."""
    groups = {feature.name: feature.group for feature in opened.plan.categorical}
    return {
        feature.sources[0]: tuple(value for value in feature.vocabulary if value != NULL_TOKEN)
        for feature in state.of_texts
        if feature.role == "categorical" and feature.has_vocabulary
        if len(feature.sources) == 1 and feature.separator is None
        if groups[feature.name].min_count == 1 and len(feature.vocabulary) < groups[feature.name].max_categories
    }
