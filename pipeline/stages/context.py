"""What every stage works with: the storage root, Spark, the tracked run, and progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.runtime.progress import Progress, open_progress
from pipeline.runtime.slots import check_slots
from pipeline.runtime.spark import open_session, refuse_connect
from pipeline.store.filesystem import Root, open_root
from pipeline.store.publish import sweep_scratch
from pipeline.store.reach import check_reachable
from pipeline.track.mlflow_tracker import open_tracker, warm_up
from pipeline.track.params import config_text, run_name
from pipeline.track.tracker import NullTracker, Tracker


@dataclass(frozen=True)
class StageContext:
    """Open resources of one job.

    Attributes:
        config: the experiment.
        stage: the job's name.
        root: of the storage.
        spark: a live session.
        progress: for people.
        tracker: the job's run; nothing is recorded before `tracked`.
    """

    config: RunConfig
    stage: str
    root: Root
    spark: SparkSession
    progress: Progress
    tracker: Tracker = field(default_factory=NullTracker)


@contextmanager
def open_stage(
    config: RunConfig,
    stage: str,
    *,
    spark: SparkSession | None = None,
    progress: Progress | None = None,
    workers: int = 1,
    settings: Sequence[str] = ("train.workers",),
) -> Iterator[StageContext]:
    """Open what a job needs, its tracked run excepted.

    Args:
        config: the experiment.
        stage: the job's name.
        spark: a session to work in; None opens one, or takes the live one.
        progress: where to show it; None means standard error.
        workers: ranks that the job will launch; too few task slots are said before anything is done.
        settings: whose product `workers` is.
    """
    with progress or open_progress() as shown:
        root = open_root(config.storage.root)
        check_reachable(root, "storage.root")
        sweep_scratch(root)
        with warm_up(config.track, root):
            shown.update("Starting Spark")
            session = _session(config, stage, spark, workers)
            check_slots(session, workers, settings=settings)
        yield StageContext(config, stage, root, session, shown)


def _session(config: RunConfig, stage: str, given: SparkSession | None, workers: int) -> SparkSession:
    """A session that later stages of this process fit in as well, since it stays open for them."""
    if given is not None:
        refuse_connect(given)
        return given
    return open_session(config.spark, app=f"{config.name} {stage}", workers=max(config.train.workers, workers))


@contextmanager
def tracked(opened: StageContext, *, run_id: str | None = None) -> Iterator[StageContext]:
    """The same job with its tracked run: a new one, or `run_id` continued."""
    with recorded(opened, run_name(opened.config, opened.stage), run_id=run_id) as stage:
        if run_id is None:
            stage.tracker.log_text(config_text(opened.config), "config.yaml")
        yield stage


@contextmanager
def recorded(
    opened: StageContext, name: str, *, run_id: str | None = None, tags: Mapping[str, str] | None = None
) -> Iterator[StageContext]:
    """The same job with a run called `name`, or `run_id` continued; `tags` are added to those of the configuration."""
    config = opened.config
    with open_tracker(
        config.track.model_copy(update={"tags": {**config.track.tags, **(tags or {})}}),
        root=opened.root,
        experiment=config.track.experiment or config.name,
        run_name=name,
        stage=opened.stage,
        run_id=run_id,
    ) as tracker:
        yield replace(opened, tracker=tracker)
