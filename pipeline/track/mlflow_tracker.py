"""Runs recorded by MLflow. Together with `mlflow_store` and `mlflow_folder`, the only door to it.

Every call names its store and its run, so that several jobs of one process can record side by side. A tracker
never raises: what the server refuses is lost with a warning, and a server that does not answer is no longer waited
for. What a user can repair before anything has started is a ConfigError, when the run is opened.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.run import TrackConfig
from pipeline.contract.features import FeatureState
from pipeline.errors import ConfigError
from pipeline.redact import without_user
from pipeline.store.filesystem import Root
from pipeline.track.address import address_of
from pipeline.track.mlflow_store import connect, continued_run, cut, find_experiment, is_down, patience, reason_of
from pipeline.track.tags import run_tags
from pipeline.track.tracker import NullTracker, Param, Tracker

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

MODEL_NAME = "model"


class MlflowTracker:
    """A run in an MLflow tracking store."""

    def __init__(self, client: MlflowClient, run_id: str, experiment_id: str) -> None:
        """Record in an existing run, over `client`."""
        self._client, self._run_id, self._experiment_id = client, run_id, experiment_id
        self._down, self._refused = False, False

    @property
    def run_id(self) -> str | None:
        """MLflow's."""
        return self._run_id

    def log_params(self, params: Mapping[str, Param]) -> None:
        """In one request; long values are cut."""
        from mlflow.entities import Param as MlflowParam

        found = [MlflowParam(name, cut(str(value))) for name, value in params.items() if value is not None]
        self._attempt("parameters", lambda: self._client.log_batch(self._run_id, params=found))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """In one request."""
        from mlflow.entities import RunTag

        found = [RunTag(name, value) for name, value in tags.items()]
        self._attempt("tags", lambda: self._client.log_batch(self._run_id, tags=found))

    def describe(self, markdown: str) -> None:
        """Shown on top of the run's page."""
        self.set_tags({"mlflow.note.content": markdown})

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """In one request."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        found = [Metric(name, value, now, step or 0) for name, value in metrics.items()]
        self._attempt("metrics", lambda: self._client.log_batch(self._run_id, metrics=found))

    def log_text(self, text: str, path: str) -> None:
        """As an artifact."""
        self._attempt(path, lambda: self._client.log_text(self._run_id, text, path))

    def log_figure(self, figure: Figure, path: str) -> None:
        """As an artifact."""
        self._attempt(path, lambda: self._client.log_figure(self._run_id, figure, path))

    def log_model(self, file: Root, state: FeatureState) -> str | None:
        """As a model by code, without pickle, with the signature of its raw columns."""
        uri: str | None = self._attempt("the model", lambda: self._log_model(file, state))
        return uri

    def finish(self, status: str, reason: str = "") -> None:
        """End the run."""
        if reason:
            self.set_tags({"failure": cut(without_user(" ".join(reason.split())))})
        self._attempt("the status", lambda: self._client.set_terminated(self._run_id, status))

    def _attempt(self, what: str, act: Callable[[], Any]) -> Any:
        if self._down:
            return None
        try:
            return act()
        except Exception as error:  # whatever goes wrong in recording, the training goes on
            self._warn(what, error)
            return None

    def _warn(self, what: str, error: Exception) -> None:
        """Say the first refusal, and the moment from which on nothing is recorded."""
        self._down = is_down(error)
        if self._down:
            logger.warning("MLflow no longer answers, so run %s stays incomplete. Lost: %s and all later entries. %s",
                           self._run_id, what, reason_of(error))  # fmt: skip
        elif not self._refused:
            self._refused = True
            logger.warning("MLflow did not take %s of run %s. %s", what, self._run_id, reason_of(error))

    def _log_model(self, file: Root, state: FeatureState) -> str:
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        from pipeline.track.mlflow_folder import write_model_folder

        model = self._client.create_logged_model(self._experiment_id, MODEL_NAME, source_run_id=self._run_id)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / MODEL_NAME
            try:
                write_model_folder(folder, file, state, model_id=model.model_id, run_id=self._run_id)
            except Exception as error:  # not the server's fault, whatever MLflow calls it
                raise ValueError(f"Its folder could not be written: {reason_of(error)}") from error
            with patience():
                self._client.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        self._client.log_outputs(self._run_id, [LoggedModelOutput(model.model_id, step=0)])
        return f"models:/{model.model_id}"


@contextmanager
def open_tracker(
    config: TrackConfig,
    *,
    root: Root,
    experiment: str,
    run_name: str,
    stage: str,
    run_id: str | None = None,
) -> Iterator[Tracker]:
    """A run for the length of a block: finished at its end, failed or killed where the block raises.

    A store that cannot be reached costs a warning, and the block runs with a tracker that records nothing.

    Args:
        config: where runs are recorded.
        root: of the storage, where the default database lies.
        experiment: what the run belongs to.
        run_name: for people.
        stage: the job, a tag.
        run_id: a run to continue; None starts one.

    Raises:
        ConfigError: `config` names a store that cannot be, or an experiment that was deleted.
    """
    tracker = _start(config, root, experiment, run_name, stage=stage, run_id=run_id) if config.enabled else None
    if tracker is None:
        yield NullTracker()
        return
    try:
        yield tracker
    except Exception as error:
        tracker.finish("FAILED", f"{stage}: {type(error).__name__}: {error}")
        raise
    except BaseException as error:
        tracker.finish("KILLED", f"{stage}: {type(error).__name__}")
        raise
    tracker.finish("FINISHED")


@contextmanager
def warm_up(config: TrackConfig, root: Root) -> Iterator[None]:
    """Load MLflow and make its database in the background, which takes seconds, while the block starts Spark.

    The block ends when that is done, however it ends: a process that exited earlier would leave half a database.
    Trouble is left for `open_tracker` to tell.
    """
    if not config.enabled:
        yield
        return

    def connect_early() -> None:
        with suppress(Exception):
            connect(address_of(config, root))

    thread = threading.Thread(target=connect_early, name="mlflow")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _start(
    config: TrackConfig, root: Root, experiment: str, run_name: str, *, stage: str, run_id: str | None
) -> MlflowTracker | None:
    address = address_of(config, root)
    try:
        client = connect(address)
        run = continued_run(client, run_id) if run_id else None
        if run is None:
            place = find_experiment(client, experiment, address)
            tags = {**run_tags(stage), **config.tags}
            run = client.create_run(place, run_name=run_name, tags=tags)
    except ConfigError:
        raise
    except Exception as error:  # a store that is down must not stop a training
        logger.warning(
            "MLflow at %s cannot be used, so this run is not recorded there. %s",
            without_user(address.uri),
            reason_of(error),
        )
        return None
    return MlflowTracker(client, run.info.run_id, run.info.experiment_id)
