"""How the stores of a cross-validation are made, and the names that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.split import FoldConfig
from pipeline.kinds.plan import FeaturePlan
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.store_spec import STORE_ID_LENGTH, StoreSpec
from pipeline.preparation.rows.folds import FoldUse
from pipeline.schemas.document import fingerprint
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import (
    store_folder,
)


@dataclass(frozen=True)
class FoldsSpec:
    """How the stores of a cross-validation are made.

    Attributes:
        store_spec: of a store of all rows.
        folds: how its training and validation rows are divided.
        use: what the folds are for, see `assignments`.
    """

    store_spec: StoreSpec
    folds: FoldConfig
    use: FoldUse = "measure"

    def store_id(self, source: Source) -> str:
        """What the folder of all folds is called: it changes with everything that shapes them."""
        return fingerprint([self.store_spec.store_id(source), self._content, self.use])[:STORE_ID_LENGTH]

    def folds_id(self, source: Source, plan: FeaturePlan) -> str:
        """Equal where the folds have the same rows, whatever features are made of them.

        Without a key and a group a row is known by the columns that are used, and these tell its fold.
        """
        store_spec = self.store_spec
        has_identity = store_spec.data.key or store_spec.data.group
        columns = [] if has_identity else sorted([column.name, column.type] for column in plan.raw)
        roles = store_spec.data.identity(include={"label", "key", "time", "group", "filter"})
        split = store_spec.split.identity()
        return fingerprint([source.fingerprint, store_spec.seed, roles, split, self._content, columns])[
            :STORE_ID_LENGTH
        ]

    def folder(self, source: Source, root: StoragePath) -> StoragePath:
        """Where the folds are published."""
        return store_folder(root, self.store_spec.name, self.store_id(source))

    @property
    def validation(self) -> float:
        """The share of the rows that a fold trains on, by which its training ends."""
        fractions = self.store_spec.split.fractions
        return fractions.validation / (fractions.train + fractions.validation)

    @property
    def _content(self) -> object:
        return self.folds.identity(include=set(FoldConfig.model_fields))
