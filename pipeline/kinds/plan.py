"""The features to fit: every column by name, every group resolved, nothing fitted yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from pipeline.kinds.fitted_features import RawColumn, raw_columns
from pipeline.kinds.interfaces import arrays_of
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.kinds.statistics import Needs
from pipeline.kinds.vocabulary.config import CategoricalConfig
from pipeline.schemas.expression import DerivedColumn, ValueType, columns_of


@dataclass(frozen=True)
class NumericPlan:
    """A feature made of a number.

    Attributes:
        name: of the feature.
        source: the raw or derived column.
        group: how it is treated.
    """

    name: str
    source: str
    group: NumericConfig

    @property
    def kind(self) -> str:
        """Of the feature."""
        return self.group.kind

    @property
    def needs(self) -> Needs:
        """The statistics that fitting needs."""
        return arrays_of(self.kind).needs(self.group)


@dataclass(frozen=True)
class CategoricalPlan:
    """A feature made of a text, or of the texts of several columns.

    Attributes:
        name: of the feature.
        sources: the raw or derived columns.
        group: how it is treated.
    """

    name: str
    sources: tuple[str, ...]
    group: CategoricalConfig

    @property
    def kind(self) -> str:
        """Of the feature."""
        return self.group.kind

    @property
    def needs(self) -> Needs:
        """The statistics that fitting needs."""
        return arrays_of(self.kind).needs(self.group)


@dataclass(frozen=True)
class FeaturePlan:
    """All features, and the columns that they are computed from.

    Attributes:
        numeric: features made of numbers, in order.
        categorical: features made of texts, in order.
        derived: columns that are computed first, each from raw ones and those before it.
    """

    numeric: tuple[NumericPlan, ...] = ()
    categorical: tuple[CategoricalPlan, ...] = ()
    derived: tuple[DerivedColumn, ...] = ()

    @property
    def raw(self) -> tuple[RawColumn, ...]:
        """Columns of the source and how they are read: see `raw_columns`."""
        return raw_columns(self._used(), self.derived)

    @property
    def needed_derived(self) -> tuple[DerivedColumn, ...]:
        """The derived columns that features are made of, directly or through others."""
        needed = {feature.source for feature in self.numeric}
        needed |= {source for feature in self.categorical for source in feature.sources}
        kept: list[DerivedColumn] = []
        for column in reversed(self.derived):
            if column.name in needed:
                kept.append(column)
                needed |= {mention.name for mention in columns_of(column.expression)}
        return tuple(reversed(kept))

    def without(self, names: Collection[str]) -> FeaturePlan:
        """The same without some features."""
        return replace(
            self,
            numeric=tuple(feature for feature in self.numeric if feature.name not in names),
            categorical=tuple(feature for feature in self.categorical if feature.name not in names),
        )

    def _used(self) -> Iterator[tuple[str, ValueType]]:
        for feature in self.numeric:
            yield feature.source, "number"
        for category in self.categorical:
            yield from ((source, "text") for source in category.sources)
        for derived in self.derived:
            yield from ((column.name, column.type) for column in columns_of(derived.expression))
