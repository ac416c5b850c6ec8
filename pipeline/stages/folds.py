"""The folds of a cross-validation: their stores, and the results that each publishes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from pipeline.config.search import SearchConfig
from pipeline.config.split import FoldConfig
from pipeline.evaluation.accumulator import Accumulator, accumulator_from_bytes
from pipeline.evaluation.folds import FoldScore
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.rows.folds import INNER, FoldUse
from pipeline.preparation.writing.fold_spec import FoldsSpec
from pipeline.preparation.writing.fold_stores import build_folds
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import fingerprint
from pipeline.stages.context import Resources
from pipeline.stages.prepare import open_store_spec
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import FOLDS, fold_folder
from pipeline.store.manifest import FoldsManifest
from pipeline.store.store import Store, open_store
from pipeline.training.spec import TrainingSpec

SCORE, DECISION, ACCUMULATOR, PREDICTIONS = "score.json", "decision.json", "tally.npz", "predictions"
WITHOUT_INFLUENCE = {"final", "resume", "study"}
"""Settings of `search` that a nested cross-validation does not depend on."""

_PREPARING = threading.Lock()


@dataclass(frozen=True)
class Folds:
    """The folds of a cross-validation.

    Attributes:
        spec: the specification of the folds.
        source: the source of their rows.
        manifest: the manifest of all folds.
        stores: the store of each fold that counts in the estimate, by number.
    """

    spec: FoldsSpec
    source: Source
    manifest: FoldsManifest
    stores: tuple[Store, ...]

    def inner(self, number: int) -> tuple[Store, ...]:
        """The inner folds by which a nested cross-validation chooses the settings of a fold."""
        prefix, folder = f"{fold_folder(number)}-{INNER}-", self.stores[0].path.folder
        return tuple(open_store(folder.child(name)) for name in self.manifest.names if name.startswith(prefix))


def prepare_folds(resources: Resources, store_spec: StoreSpec, crossval: FoldConfig, use: FoldUse = "measure") -> Folds:
    """Publish the stores of all folds, unless they are there already.

    Args:
        resources: the job's resources.
        store_spec: the specification of a store of all rows; the contract under the storage root is added to it.
        crossval: how rows are divided into folds.
        use: what the folds are for, see `preparation.rows.folds.assignments`.
    """
    store_spec, source = open_store_spec(resources, store_spec)
    spec = FoldsSpec(store_spec, crossval, use)
    folder = spec.folder(source, resources.root)
    with _PREPARING:  # parallel folds of a nested cross-validation may need the same inner folds
        reused = files.exists(folder.child(FOLDS))
        if not reused:
            build_folds(resources.spark, spec, source, root=resources.root, progress=resources.progress)
    manifest = FoldsManifest.from_json(files.read_bytes(folder.child(FOLDS)), str(folder.child(FOLDS)))
    stores = tuple(open_store(folder.child(fold_folder(number))) for number in range(manifest.count))
    verb = "Reusing" if reused else "Prepared"
    resources.progress.done(f"{verb} {manifest.count} folds of {manifest.rows:,} rows: {manifest.store_id}")
    return Folds(spec, source, manifest, stores)


def crossval_id(spec: TrainingSpec, search: SearchConfig | None) -> str:
    """The id of a cross-validation, which changes with its folds and with every setting that shapes their models.

    Args:
        spec: the training runs, with the id of all folds in place of a store's.
        search: how each fold of a nested cross-validation chooses its settings; None for one that is not nested.
    """
    searched = search.identity(exclude=WITHOUT_INFLUENCE) if search is not None else None
    return fingerprint(["folds", spec.model_id, searched])[:16]


@dataclass(frozen=True)
class FoldResult:
    """The published results of a fold: its score, its accumulator, and the predictions of its held-out rows.

    Attributes:
        folder: the folder of these results.
        number: the number of the fold.
    """

    folder: StoragePath
    number: int

    @classmethod
    def of(cls, crossval: StoragePath, number: int) -> FoldResult:
        """The result of a fold, in the folder of its cross-validation."""
        return cls(crossval.child(fold_folder(number)), number)

    @property
    def is_published(self) -> bool:
        """Whether the fold was trained and evaluated."""
        return files.exists(self.folder.child(SCORE))

    def score(self) -> FoldScore:
        """Its metrics and its history."""
        return FoldScore.from_json(files.read_bytes(self.folder.child(SCORE)), str(self.folder.child(SCORE)))

    def decision(self) -> DecisionRule:
        """The rule from its model's probabilities to classes."""
        return DecisionRule.from_json(files.read_bytes(self.folder.child(DECISION)), str(self.folder.child(DECISION)))

    def accumulator(self) -> Accumulator:
        """The accumulator of its held-out rows."""
        return accumulator_from_bytes(files.read_bytes(self.folder.child(ACCUMULATOR)))

    @property
    def predictions(self) -> StoragePath:
        """The folder of its predictions, see `evaluation.predict`."""
        return self.folder.child(PREDICTIONS)
