"""The folds of a cross-validation: their stores, and the results that each publishes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from pipeline.config.search import SearchConfig
from pipeline.config.split import FoldConfig
from pipeline.evaluation.folds import FoldScore
from pipeline.evaluation.tally import Tally, tally_from_bytes
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.store_spec import StoreRecipe
from pipeline.preparation.rows.folds import INNER, FoldUse
from pipeline.preparation.writing.fold_spec import FoldsRecipe
from pipeline.preparation.writing.fold_stores import build_folds
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import fingerprint
from pipeline.stages.context import Resources
from pipeline.stages.prepare import open_recipe
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import FOLDS, fold_folder
from pipeline.store.manifest import FoldsManifest
from pipeline.store.store import Store, open_store
from pipeline.training.spec import TrainingSpec

SCORE, DECISION, TALLY, PREDICTIONS = "score.json", "decision.json", "tally.npz", "predictions"
WITHOUT_INFLUENCE = {"final", "resume", "study"}
"""Settings of `search` that a nested cross-validation does not depend on."""

_PREPARING = threading.Lock()


@dataclass(frozen=True)
class Folds:
    """What a cross-validation works on.

    Attributes:
        recipe: how the folds were made.
        source: of what.
        manifest: of all folds.
        stores: of each fold that counts in the estimate, by its number.
    """

    recipe: FoldsRecipe
    source: Source
    manifest: FoldsManifest
    stores: tuple[Store, ...]

    def inner(self, number: int) -> tuple[Store, ...]:
        """Of a nested cross-validation: the stores by which the settings of a fold are chosen."""
        prefix, folder = f"{fold_folder(number)}-{INNER}-", self.stores[0].place.folder
        return tuple(open_store(folder.child(name)) for name in self.manifest.names if name.startswith(prefix))


def prepare_folds(resources: Resources, recipe: StoreRecipe, crossval: FoldConfig, use: FoldUse = "measure") -> Folds:
    """Publish the stores of all folds, unless they are there already.

    Args:
        resources: of the job.
        recipe: of a store of all rows; the contract that the storage root keeps is added to it.
        crossval: how they are divided.
        use: what the folds are for, see `preparation.rows.folds.assignments`.
    """
    recipe, source = open_recipe(resources, recipe)
    whole = FoldsRecipe(recipe, crossval, use)
    folder = whole.place(source, resources.root)
    with _PREPARING:  # of a nested cross-validation, folds in parallel may need the same ones
        reused = files.exists(folder.child(FOLDS))
        if not reused:
            build_folds(resources.spark, whole, source, root=resources.root, progress=resources.progress)
    manifest = FoldsManifest.from_json(files.read_bytes(folder.child(FOLDS)), str(folder.child(FOLDS)))
    stores = tuple(open_store(folder.child(fold_folder(number))) for number in range(manifest.count))
    verb = "Reusing" if reused else "Prepared"
    resources.progress.done(f"{verb} {manifest.count} folds of {manifest.rows:,} rows: {manifest.store_id}")
    return Folds(whole, source, manifest, stores)


def crossval_id(spec: TrainingSpec, search: SearchConfig | None) -> str:
    """The name of a cross-validation: changes with its folds and with every setting that shapes their models.

    Args:
        spec: of the training runs, with the id of all folds in the place of a store's.
        search: of a nested cross-validation, how each fold chooses its settings.
    """
    searched = search.identity(exclude=WITHOUT_INFLUENCE) if search is not None else None
    return fingerprint(["folds", spec.model_id, searched])[:16]


@dataclass(frozen=True)
class FoldResult:
    """The published results of a fold: its score, its tally, and the predictions of its held-out rows.

    Attributes:
        folder: of these results.
        number: of the fold.
    """

    folder: StoragePath
    number: int

    @classmethod
    def of(cls, crossval: StoragePath, number: int) -> FoldResult:
        """Of a fold, in the folder of its cross-validation."""
        return cls(crossval.child(fold_folder(number)), number)

    @property
    def is_published(self) -> bool:
        """Whether the fold was trained and measured."""
        return files.exists(self.folder.child(SCORE))

    def score(self) -> FoldScore:
        """Its metrics and its history."""
        return FoldScore.from_json(files.read_bytes(self.folder.child(SCORE)), str(self.folder.child(SCORE)))

    def decision(self) -> DecisionRule:
        """From its model's probabilities to classes."""
        return DecisionRule.from_json(files.read_bytes(self.folder.child(DECISION)), str(self.folder.child(DECISION)))

    def tally(self) -> Tally:
        """What was counted."""
        return tally_from_bytes(files.read_bytes(self.folder.child(TALLY)))

    @property
    def predictions(self) -> StoragePath:
        """The folder of predictions; see `evaluation.predict`."""
        return self.folder.child(PREDICTIONS)
