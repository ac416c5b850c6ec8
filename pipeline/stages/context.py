"""The resources of a stage: the storage root, Spark, tracked runs, and progress."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig, TrackConfig
from pipeline.formatting import listed
from pipeline.runtime.progress import Progress, open_progress
from pipeline.runtime.slots import check_slots
from pipeline.runtime.spark import open_session, refuse_connect
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.publish import sweep_scratch
from pipeline.store.reach import check_reachable
from pipeline.tracking.open_tracker import open_tracker, warm_up
from pipeline.tracking.params import config_text, hidden_settings, run_name
from pipeline.tracking.tracker import NullTracker, Tracker

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrackedRuns:
    """Opens the tracked runs of one job.

    Attributes:
        config: the section `track`.
        root: the storage root.
        experiment: the experiment that the runs belong to.
        stage: the job's name, a tag of each run.
    """

    config: TrackConfig
    root: StoragePath
    experiment: str
    stage: str

    @contextmanager
    def open(self, name: str, *, run_id: str | None = None, tags: Mapping[str, str] | None = None) -> Iterator[Tracker]:
        """A run called `name`, or `run_id` continued; `tags` are added to those of the configuration."""
        config = self.config.model_copy(update={"tags": {**self.config.tags, **(tags or {})}})
        with open_tracker(
            config, root=self.root, experiment=self.experiment, run_name=name, stage=self.stage, run_id=run_id
        ) as tracker:
            yield tracker

    def disabled(self) -> TrackedRuns:
        """The same job, with tracking disabled."""
        return replace(self, config=self.config.model_copy(update={"enabled": False}))


@dataclass(frozen=True)
class Resources:
    """The open resources of one job. Settings are passed separately: each function takes the sections that it needs.

    Attributes:
        root: the storage root.
        spark: a live session.
        progress: shows progress on standard error.
        runs: opens the job's tracked runs.
        tracker: the open run; records nothing before `tracked`.
    """

    root: StoragePath
    spark: SparkSession
    progress: Progress
    runs: TrackedRuns
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
) -> Iterator[Resources]:
    """Open the resources of a job, without its tracked run.

    Args:
        config: the experiment.
        stage: the job's name.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.
        workers: the number of ranks that the job will launch, for which there must be task slots.
        settings: names of the settings whose product `workers` is, for messages.
    """
    with progress or open_progress() as shown:
        root = storage_path(config.storage.root)
        check_reachable(root, "storage.root")
        sweep_scratch(root)
        with warm_up(config.track, root):
            shown.update("Starting Spark")
            session = _session(config, stage, spark, workers)
            check_slots(session, workers, settings=settings)
        runs = TrackedRuns(config.track, root, config.track.experiment or config.name, stage)
        yield Resources(root, session, shown, runs)


def _session(config: RunConfig, stage: str, given: SparkSession | None, workers: int) -> SparkSession:
    """A session with slots for later stages of this process too, because it stays open for them."""
    if given is not None:
        refuse_connect(given)
        return given
    return open_session(config.spark, app=f"{config.name} {stage}", workers=max(config.train.workers, workers))


@contextmanager
def tracked(opened: Resources, config: RunConfig, *, run_id: str | None = None) -> Iterator[Resources]:
    """The resources with a tracked run: a new one, which gets the configuration, or `run_id` continued."""
    with opened.runs.open(run_name(config, opened.runs.stage), run_id=run_id) as tracker:
        if run_id is None:
            tracker.log_text(config_text(config), "config.yaml")
            if hidden := hidden_settings(config):
                logger.info("Hidden wherever the configuration is recorded: %s", listed(hidden))
        yield replace(opened, tracker=tracker)
