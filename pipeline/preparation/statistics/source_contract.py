"""Infers the contract of a source from the statistics of its rows, without the bad ones.

The source meets the contract that is inferred from it, and gives the same store with it as without it.
"""

from __future__ import annotations

from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.config.data import DataConfig
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.schemas.source_contract import NUMBERS, ColumnTerms, ColumnType, Seen, SourceContract
from pipeline.schemas.tokens import NULL_TOKEN

SHOWN_VALUES = 20


def contract_to_keep(
    store_spec: StoreSpec, opened: OpenedDataset, statistics: DatasetStatistics, features: FittedFeatures
) -> SourceContract | None:
    """The contract to write beside the store: the kept one, else an inferred one; None where neither is wanted."""
    if store_spec.contract is not None:
        return store_spec.contract.table
    return infer_contract(opened, store_spec.data, statistics, features) if store_spec.infers_contract else None


def infer_contract(
    opened: OpenedDataset, data: DataConfig, statistics: DatasetStatistics, features: FittedFeatures
) -> SourceContract:
    """The contract of the columns that are read.

    Args:
        opened: the source.
        data: the roles of columns.
        statistics: statistics of all rows.
        features: the fitted features, whose vocabularies have the values of training rows.
    """
    values = _values(opened, features)
    columns = {}
    for name in opened.types:
        kind = _type(name, opened, data, statistics)
        nulls = 0 if name in (data.label, data.weight, *data.key) else statistics.nulls.get(name)
        nulls = None if name == data.label and data.label_nulls == "drop" else nulls
        seen = _seen(kind, nulls, statistics.good(name), values.get(name, ()))
        reading = opened.raw.columns.readings.get(name)
        columns[name] = ColumnTerms(type=kind, nullable=nulls is None or nulls > 0, seen=seen, reading=reading)
    return SourceContract(columns=columns)


def _type(name: str, opened: OpenedDataset, data: DataConfig, statistics: DatasetStatistics) -> ColumnType:
    """The type as opened, but the label of a text format is a number only where all labels are."""
    is_number = statistics.label.numbers > 0 and not statistics.label.is_text
    return "text" if name == data.label and opened.raw.columns.has_lines and not is_number else opened.types[name]


def _seen(kind: ColumnType, nulls: int | None, statistics: ColumnStatistics, values: tuple[str, ...]) -> Seen | None:
    """What was seen in the rows; without bounds for booleans."""
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


def _values(opened: OpenedDataset, features: FittedFeatures) -> dict[str, tuple[str, ...]]:
    """The values of columns whose vocabulary is complete, without null."""
    groups = {feature.name: feature.group for feature in opened.plan.categorical}
    return {
        feature.sources[0]: tuple(value for value in feature.vocabulary if value != NULL_TOKEN)
        for feature in features.of_texts
        if feature.role == "categorical" and feature.has_vocabulary
        if len(feature.sources) == 1 and feature.separator is None
        if groups[feature.name].min_count == 1 and len(feature.vocabulary) < groups[feature.name].max_categories
    }
