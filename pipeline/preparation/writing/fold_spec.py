"""The specification of the stores of a cross-validation, and their ids, which follow from it."""

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
    """The specification of the stores of a cross-validation.

    Attributes:
        store_spec: the specification of a store of all rows.
        folds: how its training and validation rows are divided.
        use: what the folds are for, see `assignments`.
    """

    store_spec: StoreSpec
    folds: FoldConfig
    use: FoldUse = "measure"

    def store_id(self, source: Source) -> str:
        """The id of all folds together, which changes with everything that shapes them."""
        return fingerprint([self.store_spec.store_id(source), self._content, self.use])[:STORE_ID_LENGTH]

    def folds_id(self, source: Source, plan: FeaturePlan) -> str:
        """An id that is equal where folds have the same rows, whatever their features.

        Without a key or a group, the used columns identify a row and decide its fold, so they are part of the id.
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
        """The folder in which the folds are published."""
        return store_folder(root, self.store_spec.name, self.store_id(source))

    @property
    def validation(self) -> float:
        """The share of validation rows, for early stopping, among the rows that a fold trains on."""
        fractions = self.store_spec.split.fractions
        return fractions.validation / (fractions.train + fractions.validation)

    @property
    def _content(self) -> object:
        return self.folds.identity(include=set(FoldConfig.model_fields))
