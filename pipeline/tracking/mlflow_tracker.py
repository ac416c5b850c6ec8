"""Runs tracked by MLflow.

Every call names its store and its run, so that several jobs of one process can log in parallel. A tracker never raises,
and never waits for the server except to log and register a model, see `mlflow_sender`. An error that the user can
repair before anything has started is a ConfigError, when the run is opened.
"""

from __future__ import annotations

import io
import logging
import math
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.run import TrackConfig
from pipeline.errors import ConfigError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.redact import without_user
from pipeline.store.filesystem import StoragePath
from pipeline.tracking.address import Address, address_of
from pipeline.tracking.mlflow_registry import Registered, register
from pipeline.tracking.mlflow_sender import MlflowSender, now
from pipeline.tracking.mlflow_store import connect, cut, patience, reason_of
from pipeline.tracking.outbox import Entry, OutboxRun, new_outbox, outbox_folder, unsent_outboxes
from pipeline.tracking.promotion import Candidate, Promotion
from pipeline.tracking.tags import run_tags
from pipeline.tracking.tracker import NullTracker, Param, Tracker

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

MODEL_NAME = "model"
ADDED_SECONDS = 9.0
"""How much waiting for a server that does not answer may add to a job in total, apart from a model's upload."""
WAIT_SECONDS = 4.0
"""The longest single wait: for the run to open, before a model is logged, and at the end."""
DATABASE_SECONDS = 60.0
"""The same for a database, which answers at once or not at all, but takes seconds to be created."""


class MlflowTracker:
    """A run in an MLflow tracking store."""

    def __init__(self, sender: MlflowSender, *, is_database: bool) -> None:
        """`sender` sends everything, to a database or to a server."""
        self._sender = sender
        self._longest_wait, self._budget = (
            (DATABASE_SECONDS, math.inf) if is_database else (WAIT_SECONDS, ADDED_SECONDS)
        )

    @property
    def run_id(self) -> str | None:
        """MLflow's id of the run; None until the store has answered."""
        return self._sender.outbox.run_id

    def log_params(self, params: Mapping[str, Param]) -> None:
        """Send parameters in one request; long values are cut."""
        texts = {name: cut(str(value)) for name, value in params.items() if value is not None}
        self._post(Entry(kind="params", time=now(), texts=texts))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Send tags in one request."""
        self._post(Entry(kind="tags", time=now(), texts=tags))

    def describe(self, markdown: str) -> None:
        """Set the text at the top of the run's page."""
        self.set_tags({"mlflow.note.content": markdown})

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Send metrics, in one request with those of other steps that are pending."""
        self._post(Entry(kind="metrics", time=now(), metrics=metrics, step=step or 0))

    def log_text(self, text: str, path: str) -> None:
        """Send a text as an artifact."""
        self._post_artifact(path, text.encode())

    def log_figure(self, figure: Figure, path: str) -> None:
        """Draw a figure now, and send it as an artifact."""
        drawn = io.BytesIO()
        try:
            figure.savefig(drawn, format=path.rpartition(".")[2])
        except Exception as error:  # a failure of tracking must not end the training run
            logger.warning("%s could not be drawn. %s", path, reason_of(error))
            return
        self._post_artifact(path, drawn.getvalue())

    def log_picture(self, png: bytes, path: str) -> None:
        """Send a picture as an artifact."""
        self._post_artifact(path, png)

    def log_model(self, file: StoragePath, state: FittedFeatures) -> str | None:
        """Log a model as code, without pickle, with the signature of its raw columns; waits for the upload."""
        if not self._within_budget(self._sender.wait):
            logger.warning("MLflow does not answer, so the model is not logged there. It is kept at %s.", file.uri)
            return None
        start = time.monotonic()
        try:
            return self._log_model(file, state)
        except Exception as error:  # a failure of tracking must not end the training run
            self._budget -= time.monotonic() - start
            logger.warning("MLflow did not take the model of run %s. %s", self.run_id, reason_of(error))
            return None

    def register(self, name: str, candidate: Candidate) -> Promotion | None:
        """Register a version and set its alias; waits for the answer, and tags the run with it."""
        if not self._within_budget(self._sender.wait):
            logger.warning("MLflow does not answer, so the model is not registered as '%s'.", name)
            return None
        start = time.monotonic()
        try:
            version = self._register(name, candidate)
        except Exception as error:  # a failure of tracking must not end the job
            self._budget -= time.monotonic() - start
            logger.warning(
                "MLflow did not register the model of run %s as '%s'. %s", self.run_id, name, reason_of(error)
            )
            return None
        promotion = version.promotion
        logger.info("Version %s of '%s' is the %s. %s", version.version, name, promotion.alias, promotion.reason)
        registered = {"registered": f"{name} {version.version}", "standing": promotion.alias}
        self.set_tags(registered | {"standing.reason": cut(promotion.reason)})
        return promotion

    def open(self) -> None:
        """Wait until the run is open, or the longest wait is over.

        Raises:
            ConfigError: the store refuses the run.
        """
        self._within_budget(self._sender.wait)
        if self._sender.refusal is not None:
            raise self._sender.refusal

    def finish(self, status: str, reason: str = "") -> None:
        """End the run, and wait for the last entries to be sent, up to the longest wait."""
        if reason:
            self.set_tags({"failure": cut(without_user(" ".join(reason.split())))})
        self._post(Entry(kind="status", time=now(), texts={"status": status}))
        outbox = self._sender.outbox
        if not self._within_budget(self._sender.close):
            logger.warning(
                "%d entries of run %s have not reached MLflow. They are kept in %s, and the next job with this "
                "storage.root and track.uri sends them.", len(outbox.pending), self.run_id, outbox.folder
            )  # fmt: skip

    def _within_budget(self, wait: Callable[[float], bool]) -> bool:
        """Wait, and deduct the time from the budget of all waits."""
        start = time.monotonic()
        done = wait(min(self._longest_wait, max(self._budget, 0.0)))
        self._budget -= time.monotonic() - start
        return done

    def _post(self, entry: Entry) -> None:
        self._sender.post(lambda outbox: outbox.add(entry))

    def _post_artifact(self, path: str, content: bytes) -> None:
        self._sender.post(lambda outbox: outbox.add_artifact(path, content, now()))

    def _register(self, name: str, candidate: Candidate) -> Registered:
        client, run_id = self._sender.client, self.run_id
        if client is None or run_id is None:
            raise ValueError("The run is not open")
        return register(client, run_id, name, candidate)

    def _log_model(self, file: StoragePath, state: FittedFeatures) -> str:
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        from pipeline.tracking.mlflow_folder import write_model_folder

        client, run_id = self._sender.client, self.run_id
        if client is None or run_id is None:
            raise ValueError("The run is not open")
        model = client.create_logged_model(self._sender.experiment_id, MODEL_NAME, source_run_id=run_id)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / MODEL_NAME
            try:
                write_model_folder(folder, file, state, model_id=model.model_id, run_id=run_id)
            except Exception as error:  # not an error of the server, whatever class MLflow gives it
                raise ValueError(f"Its folder could not be written: {reason_of(error)}") from error
            with patience():
                client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        return f"models:/{model.model_id}"


@contextmanager
def open_tracker(
    config: TrackConfig,
    *,
    root: StoragePath,
    experiment: str,
    run_name: str,
    stage: str,
    run_id: str | None = None,
) -> Iterator[Tracker]:
    """A run for the length of a block: finished at its end, failed or killed where the block raises.

    A store that does not answer costs a warning and a few seconds; what the block logs is kept, and sent by this job or
    a later one once the store is back.

    Args:
        config: the section `track`.
        root: the storage root, for the default database and the outbox.
        experiment: the experiment's name.
        run_name: the run's name.
        stage: the job's name, a tag of the run.
        run_id: a run to continue; None starts a new one.

    Raises:
        ConfigError: `config` names an impossible store, or an experiment that was deleted.
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
def warm_up(config: TrackConfig, root: StoragePath) -> Iterator[None]:
    """Load MLflow and create its database in the background, which takes seconds, while the block starts Spark.

    The thread is joined however the block ends: a process that exited earlier would leave half a database. Errors in
    reaching the store are left to `open_tracker`.

    Raises:
        ConfigError: no store is configured, and the storage root cannot hold one; nothing has been started then.
    """
    if not config.enabled:
        yield
        return
    address = address_of(config, root)

    def connect_early() -> None:
        with suppress(Exception):
            connect(address)

    thread = threading.Thread(target=connect_early, name="mlflow")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _start(
    config: TrackConfig, root: StoragePath, experiment: str, run_name: str, *, stage: str, run_id: str | None
) -> MlflowTracker | None:
    address = address_of(config, root)
    run = OutboxRun(
        uri=without_user(address.uri),
        artifacts=address.artifacts,
        experiment=experiment,
        run_name=run_name,
        tags={**run_tags(stage), **config.tags},
        token=uuid.uuid4().hex,
        started=now(),
        run_id=run_id,
    )
    try:
        outbox = new_outbox(outbox_folder(root), run)
    except OSError as error:  # a full disk must not stop a job before it has started
        logger.warning("This run is not tracked, because its outbox cannot be written: %s", error)
        return None
    import mlflow  # noqa: F401 (its import is not the server's delay)

    sender = MlflowSender(address, outbox)
    tracker = MlflowTracker(sender, is_database=not address.uri.startswith(("http", "databricks")))
    sender.start(lambda: send_unsent(address, root))
    try:
        tracker.open()
    except ConfigError:
        outbox.remove()
        raise
    return tracker


def send_unsent(address: Address, root: StoragePath) -> None:
    """Send what earlier jobs could not; the run of a killed job ends with status KILLED."""
    for outbox in unsent_outboxes(outbox_folder(root), without_user(address.uri)):
        try:
            if not outbox.has_ended:
                outbox.add(Entry(kind="status", time=now(), texts={"status": "KILLED"}))
            MlflowSender(address, outbox, may_exist=True).send_all()
        except Exception as error:  # the next job tries again
            outbox.leave()
            logger.debug("Run %s could not be completed: %s", outbox.run_id, reason_of(error))
            return
        outbox.remove()
        logger.info("Sent the remaining entries of run %s, of an earlier job", outbox.run_id)
