"""The part of a configuration that shapes a store, and the names that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.data import DataConfig
from pipeline.config.features import FeaturesConfig, is_choice
from pipeline.config.run import RunConfig
from pipeline.config.split import SplitConfig
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.resolve_split import needed_columns
from pipeline.schemas.document import fingerprint
from pipeline.schemas.table import KeptContract
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import store_folder

STORE_ID_LENGTH = 16

_NAMING = 3
"""What names of stores are derived from, with all that shapes them; another number would prepare all stores anew."""


@dataclass(frozen=True)
class StoreSpec:
    """What shapes a store.

    Attributes:
        name: of the experiment.
        seed: of the split and of the order of rows.
        data: the table and the roles of its columns.
        split: how rows are divided.
        features: which columns become features, and how.
        contract: what the source must keep to; None where nothing is kept yet.
    """

    name: str
    seed: int
    data: DataConfig
    split: SplitConfig
    features: FeaturesConfig
    contract: KeptContract | None = None

    @classmethod
    def of(cls, config: RunConfig, contract: KeptContract | None = None) -> StoreSpec:
        """The specification of a store in a configuration."""
        return cls(config.name, config.seed, config.data, config.split, config.features, contract)

    @property
    def infers_contract(self) -> bool:
        """Whether a contract is made of the rows."""
        return self.contract is None and self.data.contract != "none"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything but names and places, for which the fingerprints of the files stand."""
        sections = {
            "data": self.data.identity(exclude={"source": {"path"}, "contract": True}),
            "split": self.split.identity(),
            "features": self.features.identity(),
        }
        return fingerprint([_NAMING, self.seed, sections])

    def store_id(self, source: Source) -> str:
        """The store's name: changes with the source and with every setting that shapes the store.

        A contract that was inferred from this very source by this very store_spec, and is enforced as it was inferred,
        changes nothing of the store, so the name is as without one. The terms of any other contract are part of it.
        """
        inputs = [source.fingerprint, self.fingerprint]
        plain = fingerprint(inputs)[:STORE_ID_LENGTH]
        if self.contract is None or self.contract.table.is_inferred_with(plain):
            return plain
        return fingerprint([*inputs, self.contract.table.fingerprint])[:STORE_ID_LENGTH]

    def folder(self, source: Source, root: StoragePath) -> StoragePath:
        """Where the store is published."""
        return store_folder(root, self.name, self.store_id(source))

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns of the source with a role of their own, which are no features unless they are named."""
        data = self.data
        single = (data.label, data.weight, data.time, self.split.column)
        return tuple(dict.fromkeys((*(name for name in single if name is not None), *data.key, *data.group)))

    @property
    def split_columns(self) -> tuple[str, ...]:
        """Columns of the source that the split needs."""
        return needed_columns(self.split, self.data)

    @property
    def named_columns(self) -> tuple[str, ...]:
        """Every column of the source that the configuration names, so that one look finds all that are not there."""
        features = self.features
        groups = (*features.groups, *features.crosses)
        derived = {column.name for column in features.derived}
        named = [name for group in groups for name in group.columns if not is_choice(name) and name not in derived]
        return tuple(dict.fromkeys((*named, *self.roles, *self.split_columns)))
