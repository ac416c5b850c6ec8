"""Runs tracked by MLflow.

Every call names its store and its run, so that several jobs of one process can log in parallel. A tracker never raises,
and never waits long for the server except to log a model, see `mlflow_sender`. An error that the user can
repair before anything has started is a ConfigError, when the run is opened.
"""

from __future__ import annotations

import io
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.redact import redacted
from pipeline.store.filesystem import StoragePath
from pipeline.tracking.mlflow_registry import Registered
from pipeline.tracking.mlflow_requests import now
from pipeline.tracking.mlflow_sender import MlflowSender
from pipeline.tracking.mlflow_store import cut, reason_of
from pipeline.tracking.outbox import Entry, EntryKind, Outbox
from pipeline.tracking.promotion import Candidate, Promotion
from pipeline.tracking.tracker import Param, Upload

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

ADDED_SECONDS = 9.0
"""How much waiting for a server that does not answer may add to a job in total, apart from a model's first upload."""
WAIT_SECONDS = 4.0
"""The longest single wait: for the run to open, for what comes before a model, for another attempt after a failed one,
and at the end."""
DATABASE_SECONDS = 60.0
"""The same for a database, which answers at once or not at all, but takes seconds to be created."""


class MlflowTracker:
    """A run in an MLflow tracking store."""

    def __init__(self, sender: MlflowSender, *, is_database: bool) -> None:
        """`sender` sends everything, to a database or to a server."""
        self._sender = sender
        self._is_database, self._budget = is_database, ADDED_SECONDS
        self._upload: Upload | None = None

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

    @property
    def upload(self) -> Upload | None:
        """Whether the server has the model, as far as is known now."""
        if self._upload != "pending":
            return self._upload
        return "pending" if self._sender.answers.get("model") is None else "done"

    def log_model(self, file: StoragePath, state: FittedFeatures) -> str | None:
        """Log a model by way of the outbox; waits for the upload, but not for long if it fails."""
        is_stored = self._send_now("model", lambda outbox: outbox.add_model(file, state, now()), math.inf)
        self._upload = "pending" if is_stored else "failed"
        if self.upload == "pending":
            logger.warning(
                "The model of run %s is not in MLflow yet: its upload is pending. It is kept in %s. The next job with "
                "this storage.root and track.uri uploads it, as does jobs/upload.py with the same --config.",
                self.run_id, self._sender.outbox.folder,
            )  # fmt: skip
        elif self.upload == "failed":
            logger.warning("The model of run %s is not uploaded to MLflow. It is kept at %s.", self.run_id, file)
        uri: str | None = self._sender.answers.get("model")
        return uri

    def register(self, name: str, candidate: Candidate) -> Promotion | None:
        """Register a version by way of the outbox; waits for the answer, but not for long if it fails."""
        texts = {"name": name, "candidate": candidate.to_json()}
        entry = Entry(kind="register", time=now(), texts=texts)
        self._send_now("register", lambda outbox: outbox.add(entry), DATABASE_SECONDS)
        version: Registered | None = self._sender.answers.get("register")
        if version is None and entry in self._sender.outbox.pending:
            logger.warning("The model is not registered as '%s' yet: its registration waits in the outbox.", name)
        return None if version is None else version.promotion

    def open(self) -> None:
        """Wait until the run is open, or the longest wait is over.

        Raises:
            ConfigError: the store refuses the run.
        """
        self._within_budget(lambda longest, _: self._sender.wait(longest))
        if self._sender.refusal is not None:
            raise self._sender.refusal

    def finish(self, status: str, reason: str = "") -> None:
        """End the run, and wait for the last entries to be sent, up to the longest wait."""
        if reason:
            self.set_tags({"failure": cut(redacted(" ".join(reason.split())))})
        self._post(Entry(kind="status", time=now(), texts={"status": status}))
        outbox = self._sender.outbox
        if not self._within_budget(self._sender.close):
            logger.warning(
                "%d entries of run %s have not reached MLflow. They are kept in %s, and the next job with this "
                "storage.root and track.uri sends them.", len(outbox.pending), self.run_id, outbox.folder
            )  # fmt: skip

    def _send_now(self, kind: EntryKind, add: Callable[[Outbox], None], longest: float) -> bool:
        """Add an entry, and wait until it is sent or refused; False if it could not be stored."""
        self._sender.answers.pop(kind, None)
        if not self._sender.post(add):
            return False
        if self._within_budget(lambda *limits: self._sender.wait_for_turn(kind, *limits)):
            start, patience = time.monotonic(), self._patience
            if not self._sender.wait_for_answer(kind, longest, patience):
                self._budget -= time.monotonic() - start
        return True

    @property
    def _patience(self) -> float:
        """The longest wait for another attempt after one has failed."""
        return min(WAIT_SECONDS, max(self._budget, 0.0))

    def _within_budget(self, wait: Callable[[float, float], bool]) -> bool:
        """Wait, and deduct the time from the budget of all waits, except where a database works and takes its time."""
        start = time.monotonic()
        done = wait(DATABASE_SECONDS if self._is_database else self._patience, self._patience)
        if not (done and self._is_database):
            self._budget -= time.monotonic() - start
        return done

    def _post(self, entry: Entry) -> None:
        self._sender.post(lambda outbox: outbox.add(entry))

    def _post_artifact(self, path: str, content: bytes) -> None:
        self._sender.post(lambda outbox: outbox.add_artifact(path, content, now()))
