"""The main job: prepare, train and evaluate, in one tracked run."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.runtime.progress import Progress
from pipeline.stages.context import Resources, open_stage, tracked
from pipeline.stages.evaluate import evaluate_model
from pipeline.stages.prepare import prepare_store
from pipeline.stages.results.run import EvaluateResult, RunResult, TrainResult
from pipeline.stages.train import train_model
from pipeline.store.layout import model_folder
from pipeline.store.model import open_model
from pipeline.store.store import Store


def run(config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None) -> RunResult:
    """From the source to a trained, evaluated and tracked model.

    Args:
        config: the experiment.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        PipelineError: see `errors`; earlier publications are kept.
    """
    start = time.monotonic()
    workers = config.train.workers
    with (
        open_stage(config, "run", spark=spark, progress=progress, workers=workers) as opened,
        tracked(opened, config) as resources,
    ):
        store, prepared = prepare_store(resources, StoreSpec.of(config), config.drift)
        trained, evaluated = train_and_evaluate(resources, config, store)
    upload = resources.tracker.upload  # as it is once the run has ended
    return RunResult(
        prepare=prepared,
        train=trained.model_copy(update={"upload": upload}),
        evaluate=evaluated,
        seconds=time.monotonic() - start,
        run_id=resources.tracker.run_id,
        upload=upload,
    )


def train_and_evaluate(resources: Resources, config: RunConfig, store: Store) -> tuple[TrainResult, EvaluateResult]:
    """From a store to a published model and its test metrics, within an open job."""
    trained = train_model(resources, config, store)
    model = open_model(model_folder(resources.root, config.name, trained.model_id))
    return trained, evaluate_model(resources, config, store, model)
