"""The folds of a cross-validation: their stores, and one fold trained and measured on its held-out rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.config.run import RunConfig
from pipeline.config.search import SearchConfig
from pipeline.config.split import FoldConfig
from pipeline.evaluation.folds import FoldScore
from pipeline.evaluation.measures import measure
from pipeline.evaluation.predict import NETWORK, PredictJob, predict_split
from pipeline.evaluation.regression import Window
from pipeline.evaluation.tally import Tally, tally_from_bytes, tally_to_bytes
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.store_spec import StoreRecipe
from pipeline.preparation.rows.folds import INNER, FoldUse
from pipeline.preparation.writing.fold_stores import FoldsRecipe, build_folds
from pipeline.schemas.decision import Decision
from pipeline.schemas.document import fingerprint
from pipeline.stages.context import Resources
from pipeline.stages.prepare import open_recipe
from pipeline.stages.train import check_training, log_resumed
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import BUNDLE, FOLDS, MODEL, fold_folder
from pipeline.store.manifest import FoldsManifest
from pipeline.store.publish import draft
from pipeline.store.store import Store, open_store
from pipeline.training.records import EpochRecord
from pipeline.training.run import TrainingHooks, TrainingOutcome, run_training
from pipeline.training.spec import TrainingSpec
from pipeline.tuning.parallel import Stopper
from pipeline.tuning.space import Settings

SCORE, DECISION, TALLY, PREDICTIONS = "score.json", "decision.json", "tally.npz", "predictions"
HELD_OUT = "test"
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
        use: what the folds are for, see `preparation.rows.folds.divisions`.
    """
    recipe, source = open_recipe(resources, recipe)
    whole = FoldsRecipe(recipe, crossval, use)
    folder = whole.place(source, resources.root)
    with _PREPARING:  # of a nested cross-validation, folds in parallel may need the same ones
        reused = files.exists(folder.child(FOLDS))
        if not reused:
            build_folds(resources.spark, whole, source, root=resources.root, progress=resources.progress)
    manifest = FoldsManifest.from_json(files.read_bytes(folder.child(FOLDS)), folder.child(FOLDS).path)
    stores = tuple(open_store(folder.child(fold_folder(number))) for number in range(manifest.count))
    what = "Found" if reused else "Prepared"
    resources.progress.done(f"{what} {manifest.count} folds of {manifest.rows:,} rows: {manifest.store_id}")
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
    def is_there(self) -> bool:
        """Whether the fold was trained and measured."""
        return files.exists(self.folder.child(SCORE))

    def score(self) -> FoldScore:
        """Its metrics and its history."""
        return FoldScore.from_json(files.read_bytes(self.folder.child(SCORE)), self.folder.child(SCORE).path)

    def decision(self) -> Decision:
        """From its model's probabilities to classes."""
        return Decision.from_json(files.read_bytes(self.folder.child(DECISION)), self.folder.child(DECISION).path)

    def tally(self) -> Tally:
        """What was counted."""
        return tally_from_bytes(files.read_bytes(self.folder.child(TALLY)))

    @property
    def predictions(self) -> StoragePath:
        """The folder of predictions; see `evaluation.predict`."""
        return self.folder.child(PREDICTIONS)


def fold_spec(config: RunConfig, store: Store) -> TrainingSpec:
    """The training run of a fold, whose model is measured and not kept.

    Raises:
        ConfigError: the settings do not fit the label.
        DataError: the fold lacks rows that the training run needs.
    """
    check_training(store, config.train, config.evaluate)
    spec = TrainingSpec.of(config, store.manifest.store_id)
    return replace(spec, train=config.train.model_copy(update={"tensorboard": False}), formats=())


def run_fold(
    resources: Resources,
    spec: TrainingSpec,
    store: Store,
    result: FoldResult,
    *,
    window: Window,
    stopper: Stopper,
    on_epoch: Callable[[EpochRecord], None],
    settings: Settings | None = None,
) -> FoldScore:
    """Train a fold's model, evaluate it on the held-out rows, and publish the results; the model itself is not kept.

    Args:
        resources: of the cross-validation, with the tracked run of the fold.
        spec: of the training run, see `fold_spec`.
        store: of the fold.
        result: where its results are published, once they are complete.
        window: of the axes of plots, the same for all folds, so that their counts add up.
        stopper: with which the training run is registered.
        on_epoch: called with each epoch's record.
        settings: that were chosen for this fold, of those in the configuration.

    Raises:
        TrainError: the training run failed, or was stopped.
    """
    start = time.monotonic()
    hooks = TrainingHooks(
        on_epoch=on_epoch, on_resume=lambda place: log_resumed(resources, place), stoppable=stopper.registered
    )
    with (
        draft(resources.root, result.folder, SCORE) as finished,
        run_training(resources.spark, resources.root, spec, hooks, apart=True) as outcome,
    ):
        outcome.require_finished(f"Fold {result.number}")
        if result.is_there:  # by another job meanwhile; in an object store its files lie where these would go
            return result.score()
        predict = _predict_job(resources.root, spec, outcome, window, finished.folder.child(PREDICTIONS))
        tally = predict_split(resources.spark, spec.train.workers, predict, store, apart=True).tallies[NETWORK]
        score = _score(result.number, store, outcome, tally, seconds=time.monotonic() - start, settings=settings or {})
        files.write_bytes(finished.folder.child(TALLY), tally_to_bytes(tally))
        files.write_bytes(finished.folder.child(DECISION), outcome.result.decision.to_json().encode())
        finished.publish(score.to_json().encode())
    return result.score()


def _predict_job(
    root: StoragePath, spec: TrainingSpec, outcome: TrainingOutcome, window: Window, predictions: StoragePath
) -> PredictJob:
    model = outcome.folder.child(BUNDLE, MODEL)
    return PredictJob(
        root=root.uri,
        name=spec.name,
        store_id=spec.store_id,
        model=model.uri,
        sha256=files.sha256_of(model),
        split=HELD_OUT,
        scratch=outcome.folder.child("held_out").uri,
        decision=outcome.result.decision,
        edges=tuple(window.edges.tolist()),
        log=window.log,
        predictions=predictions.uri,
    )


def _score(
    number: int, store: Store, outcome: TrainingOutcome, tally: Tally, *, seconds: float, settings: Settings
) -> FoldScore:
    result, history = outcome.result, outcome.history
    return FoldScore(
        fold=number,
        # A file that counts several times, as in a bootstrap, has no more rows for that.
        train_rows=sum({file.path: file.rows for file in store.split("train").files}.values()),
        validation_rows=store.split("validation").rows,
        test_rows=tally.rows,
        metrics=measure(tally, with_intervals=False).metrics,
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        history={name: tuple(values) for name, values in history.values.items()},
        seconds=seconds,
        training_seconds=result.seconds,
        settings=settings,
    )
