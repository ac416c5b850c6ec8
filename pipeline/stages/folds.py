"""The folds of a cross-validation: their stores, and one fold trained and measured on its held-out rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.contract.decision import Decision
from pipeline.contract.document import fingerprint
from pipeline.errors import TrainError
from pipeline.evaluate.folds import FoldScore
from pipeline.evaluate.measures import measure
from pipeline.evaluate.predict import NETWORK, PredictJob, predict_split
from pipeline.evaluate.regression import Window
from pipeline.evaluate.tally import Tally, tally_from_bytes, tally_to_bytes
from pipeline.preparation.listing.source import Source
from pipeline.preparation.rows.folds import INNER, FoldUse
from pipeline.preparation.writing.fold_spec import FoldsRecipe
from pipeline.preparation.writing.fold_stores import build_folds
from pipeline.runtime.cancel import cancelling
from pipeline.search.pool import Stopper
from pipeline.search.space import Settings
from pipeline.stages.context import StageContext
from pipeline.stages.prepare import recipe_of
from pipeline.stages.train import check_training, model_id, rank_job
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import BUNDLE, FOLDS, MODEL, crossval_place, fold_folder
from pipeline.store.manifest import FoldsManifest
from pipeline.store.publish import draft, scratch
from pipeline.store.store import Store, open_store
from pipeline.train.history import TrainingHistory
from pipeline.train.launch import launch_training
from pipeline.train.records import EpochRecord, request_stop

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
        start, place = f"{fold_folder(number)}-{INNER}-", self.stores[0].place.folder
        return tuple(open_store(place.within(name)) for name in self.manifest.names if name.startswith(start))


def prepare_folds(stage: StageContext, use: FoldUse = "measure") -> Folds:
    """Publish the stores of all folds, unless they are there already.

    Args:
        stage: of the job.
        use: what the folds are for, see `preparation.rows.folds.assignments`.
    """
    recipe, source = recipe_of(stage)
    whole = FoldsRecipe(recipe, stage.config.crossval, use)
    place = whole.place(source, stage.root)
    with _PREPARING:  # folds side by side may ask for the same ones
        reused = files.exists(place.within(FOLDS))
        if not reused:
            build_folds(stage.spark, whole, source, root=stage.root, progress=stage.progress)
    manifest = FoldsManifest.from_json(files.read_bytes(place.within(FOLDS)), place.within(FOLDS).path)
    stores = tuple(open_store(place.within(fold_folder(number))) for number in range(manifest.count))
    what = "Found" if reused else "Prepared"
    stage.progress.done(f"{what} {manifest.count} folds of {manifest.rows:,} rows: {manifest.store_id}")
    return Folds(whole, source, manifest, stores)


def crossval_id(stage: StageContext, folds: Folds) -> str:
    """The name of a cross-validation: changes with its folds and with every setting that shapes their models."""
    config = stage.config
    searched = config.search.identity(exclude=WITHOUT_INFLUENCE) if config.crossval.nested else None
    return fingerprint(["folds", model_id(config, folds.manifest.store_id), searched])[:16]


@dataclass(frozen=True)
class FoldResult:
    """What a fold left: its score, what was counted, and the predictions of its held-out rows.

    Attributes:
        place: the folder.
    """

    place: Root

    @classmethod
    def of(cls, stage: StageContext, identity: str, number: int) -> FoldResult:
        """Of a fold of a cross-validation."""
        return cls(crossval_place(stage.root, stage.config.name, identity).within(fold_folder(number)))

    @property
    def is_there(self) -> bool:
        """Whether the fold was trained and measured."""
        return files.exists(self.place.within(SCORE))

    def score(self) -> FoldScore:
        """What it reached."""
        return FoldScore.from_json(files.read_bytes(self.place.within(SCORE)), self.place.within(SCORE).path)

    def decision(self) -> Decision:
        """From its model's probabilities to classes."""
        return Decision.from_json(files.read_bytes(self.place.within(DECISION)), self.place.within(DECISION).path)

    def tally(self) -> Tally:
        """What was counted."""
        return tally_from_bytes(files.read_bytes(self.place.within(TALLY)))

    @property
    def predictions(self) -> Root:
        """The folder of predictions; see `evaluate.predict`."""
        return self.place.within(PREDICTIONS)


def run_fold(
    stage: StageContext,
    store: Store,
    number: int,
    result: FoldResult,
    *,
    window: Window,
    stopper: Stopper,
    on_epoch: Callable[[EpochRecord], None],
    settings: Settings | None = None,
) -> FoldScore:
    """Train a fold's model, measure it on the held-out rows, and keep what it reached; the model itself is not kept.

    Args:
        stage: of the cross-validation.
        store: of the fold.
        number: of it.
        result: where its results are published, once they are complete.
        window: of the axes of plots, the same for all folds, so that their counts add up.
        stopper: where the training is noted.
        on_epoch: called with each epoch's record.
        settings: that were chosen for this fold, of those in the configuration.

    Raises:
        TrainError: it failed, or was told to stop.
    """
    start = time.monotonic()
    check_training(stage.config, store)
    with (
        draft(stage.root, result.place, SCORE) as finished,
        scratch(stage.root) as work,
        cancelling(stage.spark),
        stopper.noting(lambda: request_stop(work)),
    ):
        job = rank_job(stage, store, work).model_copy(update={"formats": (), "tensorboard": None})
        trained, records = launch_training(stage.spark, job, on_epoch, apart=True)
        if trained.stopped:
            raise TrainError(f"Fold {number} was told to stop after {trained.epochs} epochs. Run the command again.")
        if result.is_there:  # by another job meanwhile; in an object store its files lie where these would go
            job.drop_checkpoints()
            return result.score()
        model = work.within(BUNDLE, MODEL)
        predict = PredictJob(
            root=job.root,
            name=job.name,
            store_id=job.store_id,
            model=model.uri,
            sha256=files.sha256_of(model),
            split=HELD_OUT,
            scratch=work.within("held_out").uri,
            decision=trained.decision,
            edges=tuple(window.edges.tolist()),
            log=window.log,
            predictions=finished.folder.within(PREDICTIONS).uri,
        )
        tally = predict_split(stage.spark, job.train.workers, predict, store, apart=True).tallies[NETWORK]
        history = TrainingHistory(epochs=tuple(records), best_epoch=trained.best_epoch, workers=job.train.workers)
        score = FoldScore(
            fold=number,
            # A file that counts several times, as in a bootstrap, has no more rows for that.
            train_rows=sum({file.path: file.rows for file in store.split("train").files}.values()),
            validation_rows=store.split("validation").rows,
            test_rows=tally.rows,
            metrics=measure(tally, with_intervals=False).metrics,
            epochs=trained.epochs,
            best_epoch=trained.best_epoch,
            history={name: tuple(values) for name, values in history.values.items()},
            seconds=time.monotonic() - start,
            training_seconds=trained.seconds,
            settings=settings or {},
        )
        files.write_bytes(finished.folder.within(TALLY), tally_to_bytes(tally))
        files.write_bytes(finished.folder.within(DECISION), trained.decision.to_json().encode())
        finished.publish(score.to_json().encode())
    job.drop_checkpoints()
    return result.score()
