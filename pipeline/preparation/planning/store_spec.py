"""The part of a configuration that determines a store, and the store's id, which follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.data import DataConfig
from pipeline.config.features import FeaturesConfig, is_choice
from pipeline.config.run import RunConfig
from pipeline.config.split import SplitConfig
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.resolve_split import needed_columns
from pipeline.schemas.document import fingerprint
from pipeline.schemas.source_contract import KeptContract
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import store_folder

STORE_ID_LENGTH = 16

_NAMING = 3
"""Part of every store id; another number would make all existing stores be prepared again."""


@dataclass(frozen=True)
class StoreSpec:
    """The specification of a store.

    Attributes:
        name: the name of the experiment.
        seed: the seed of the split and of the order of rows.
        data: the source and the roles of its columns.
        split: how rows are divided.
        features: which columns become features, and how.
        contract: the kept contract of the source; None where there is none yet.
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
        """Whether a contract is inferred from the rows."""
        return self.contract is None and self.data.contract != "none"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that shapes a store, without names and paths; the source has its own fingerprint."""
        sections = {
            "data": self.data.identity(
                exclude={"source": {"path"}, "contract": True, "joins": {"__all__": {"source": {"path"}}}}
            ),
            "split": self.split.identity(),
            "features": self.features.identity(),
        }
        return fingerprint([_NAMING, self.seed, sections])

    def store_id(self, source: Source) -> str:
        """The id of the store, which changes with the source and with every setting that shapes the store.

        A contract that was inferred from this source with this specification, and is enforced unchanged, does not
        change the store, so the id is the same as without it. The terms of any other contract are part of the id.
        """
        inputs = [source.fingerprint, self.fingerprint]
        plain = fingerprint(inputs)[:STORE_ID_LENGTH]
        if self.contract is None or self.contract.table.is_inferred_with(plain):
            return plain
        return fingerprint([*inputs, self.contract.table.fingerprint])[:STORE_ID_LENGTH]

    def folder(self, source: Source, root: StoragePath) -> StoragePath:
        """The folder in which the store is published."""
        return store_folder(root, self.name, self.store_id(source))

    @property
    def roles(self) -> tuple[str, ...]:
        """Columns with another role, which become features only where the configuration names them."""
        data = self.data
        single = (data.label, data.weight, data.time, self.split.column)
        return tuple(dict.fromkeys((*(name for name in single if name is not None), *data.key, *data.group)))

    @property
    def split_columns(self) -> tuple[str, ...]:
        """Columns of the source that the split needs."""
        return needed_columns(self.split, self.data)

    @property
    def named_columns(self) -> tuple[str, ...]:
        """Every source column that the configuration names, so that all missing ones are reported at once."""
        features = self.features
        groups = (*features.groups, *features.crosses)
        derived = {column.name for column in features.derived}
        named = [name for group in groups for name in group.columns if not is_choice(name) and name not in derived]
        return tuple(dict.fromkeys((*named, *self.roles, *self.split_columns)))
