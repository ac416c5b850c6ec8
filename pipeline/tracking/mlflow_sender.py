"""Sends what a run logs to MLflow from a thread of its own, so that logging never waits for the server.

A server that does not answer is retried; the entries wait in the run's outbox. A server that was restarted empty, and
so no longer has the run, gets everything again, in a new run.

Two kinds of threads meet here. Those that log call `post`, `wait` and `close`; one sender thread does everything else.
The condition `_changed` guards the outbox and the flags. It is never held during a request: a server that hangs must
not block the threads that log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError
from pipeline.redact import without_user
from pipeline.tracking.address import Address
from pipeline.tracking.mlflow_store import connect, find_experiment, is_down, reason_of, resumed_run
from pipeline.tracking.outbox import Entry, Outbox

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between two attempts to reach a server."""
METRICS_PER_REQUEST = 1000
"""The most metrics of one request that MLflow accepts."""
MOST_NEW_RUNS = 3
TOKEN = "pipeline.spool"


class MlflowSender:
    """Sends the entries of one outbox."""

    def __init__(self, address: Address, outbox: Outbox, *, may_exist: bool = False) -> None:
        """Nothing is sent before `start`. With `may_exist`, a run that another job has created is reused."""
        self.outbox, self._address = outbox, address
        self.client: MlflowClient | None = None
        self.experiment_id = ""
        self.refusal: ConfigError | None = None
        self.is_down = False
        self._changed = threading.Condition()
        self._closing = self._opened = self._refused = False
        self._batches, self._new_runs = True, 0
        self._may_exist, self._failures, self._retries_now = may_exist, 0, False

    def start(self, then: Callable[[], None]) -> None:
        """Send in the background until `close`; call `then` once, after everything was sent for the first time."""
        threading.Thread(target=self._work, args=(then,), name="mlflow", daemon=True).start()

    def post(self, add: Callable[[Outbox], None]) -> None:
        """Add an entry to the outbox, to be sent in its turn. Called by the threads that log."""
        with self._changed:
            try:
                add(self.outbox)
            except OSError as error:
                logger.warning("An entry of the tracked run could not be stored in %s: %s", self.outbox.folder, error)
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until the run is open and everything was sent; False after `seconds`, or once an attempt has failed."""
        with self._changed:
            failures, self._retries_now = self._failures, True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_done or self._failures > failures, seconds)
            return self._is_done

    @property
    def _is_done(self) -> bool:
        return self.refusal is not None or (self._opened and self.outbox.all_sent)

    def close(self, seconds: float) -> bool:
        """Stop; False where entries are left after `seconds`, which a later job sends.

        The sender thread is not joined, because it may hang in a request. It is a daemon, and after `_closing` it no
        longer touches the outbox: see `_mark`.
        """
        done = self.wait(seconds)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            if done:
                self.outbox.remove()
            else:
                self.outbox.leave()
        return done

    def send_all(self) -> None:
        """Send an outbox that another job left, in this thread.

        Raises:
            Exception: the store does not answer; the rest stays in the outbox.
        """
        while not self._opened or not self.outbox.all_sent:
            self._step()

    def _work(self, then: Callable[[], None]) -> None:
        pause = FIRST_PAUSE
        while self._is_needed():
            try:
                self._step()
                pause = FIRST_PAUSE
                self._report_back()
                if self.outbox.all_sent:
                    then()
                    then = _nothing
            except ConfigError as error:
                self._give_up(error)
                return
            except Exception as error:
                self._report_down(error)
                with self._changed:
                    self._failures, self._retries_now = self._failures + 1, False
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._closing or self._retries_now, pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _is_needed(self) -> bool:
        """Sleep until there is something to do; False once the sender is closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or not self._opened or not self.outbox.all_sent)
            return not self._closing

    def _give_up(self, error: ConfigError) -> None:
        with self._changed:
            self.refusal = error
            self._changed.notify_all()

    def _step(self) -> None:
        """Open the run, or send some entries."""
        if self.client is None or self.outbox.run_id is None or not self._opened:
            self._open()
            return
        with self._changed:
            batch, sent = self._next(), self.outbox.sent
        if not batch:
            return
        try:
            send(self.client, self.outbox, batch)
        except Exception as error:
            if is_down(error):
                raise
            if _is_gone(error) and self._new_runs < MOST_NEW_RUNS:
                self._start_new_run()
                return
            if len(batch) > 1:  # one of them was refused: from now on each is sent alone
                self._batches = False
                return
            self._report_refused(batch[0], error)
        self._mark(self.outbox.run_id, sent + len(batch))

    def _next(self) -> list[Entry]:
        """The next entry, or consecutive metrics that go in one request."""
        pending = self.outbox.pending
        batch = pending[:1]
        if self._batches and batch and batch[0].kind == "metrics":
            numbers = len(batch[0].metrics)
            for entry in pending[1:]:
                numbers += len(entry.metrics)
                if entry.kind != "metrics" or numbers > METRICS_PER_REQUEST:
                    break
                batch.append(entry)
        return batch

    def _open(self) -> None:
        run = self.outbox.run
        client = self.client = connect(self._address)
        mlflow_run = resumed_run(client, self.outbox.run_id) if self.outbox.run_id else None
        if mlflow_run is None:
            self.experiment_id = find_experiment(client, run.experiment, self._address)
            mlflow_run = self._created_before(client)
        if mlflow_run is None:
            self._may_exist, tags = True, {**run.tags, TOKEN: run.token}
            mlflow_run = client.create_run(self.experiment_id, start_time=run.started, run_name=run.run_name, tags=tags)
        self.experiment_id = mlflow_run.info.experiment_id
        self._mark(mlflow_run.info.run_id, self.outbox.sent)

    def _created_before(self, client: MlflowClient) -> Any:
        """The run, if an earlier request created it and its answer was lost."""
        if not self._may_exist:
            return None
        same = client.search_runs([self.experiment_id], f"tags.`{TOKEN}` = '{self.outbox.run.token}'", max_results=1)
        return same[0] if same else None

    def _start_new_run(self) -> None:
        logger.warning("MLflow no longer has run %s: sending all of it again, to a new run.", self.outbox.run_id)
        self._new_runs += 1
        with self._changed:
            self._opened = False
            self.outbox.mark(None, 0)

    def _mark(self, run_id: str | None, sent: int) -> None:
        with self._changed:
            self._opened = True
            if not self._closing:  # afterwards the outbox may belong to another job
                try:
                    self.outbox.mark(run_id, sent)
                except OSError as error:
                    logger.debug("What was sent could not be recorded in %s: %s", self.outbox.folder, error)
            self._changed.notify_all()

    def _report_down(self, error: Exception) -> None:
        if not self.is_down and not self._closing:
            self.is_down = True
            logger.warning(
                "MLflow at %s does not answer. The run's entries are kept in %s and sent when it is back. %s",
                without_user(self._address.uri),
                self.outbox.folder,
                reason_of(error),
            )

    def _report_back(self) -> None:
        if self.is_down:
            self.is_down = False
            logger.info("MLflow at %s answers again", without_user(self._address.uri))

    def _report_refused(self, entry: Entry, error: Exception) -> None:
        if not self._refused:
            self._refused = True
            what = {"params": "parameters", "artifact": entry.path}.get(entry.kind, entry.kind)
            logger.warning("MLflow did not take %s of run %s. %s", what, self.outbox.run_id, reason_of(error))


def send(client: MlflowClient, outbox: Outbox, entries: list[Entry]) -> None:
    """Send one entry, or several of metrics."""
    from mlflow.entities import Metric, Param, RunTag

    entry, run_id = entries[0], str(outbox.run_id)
    match entry.kind:
        case "metrics":
            metrics = [Metric(n, v, e.time, e.step) for e in entries for n, v in e.metrics.items()]
            client.log_batch(run_id, metrics=metrics)
        case "params":
            client.log_batch(run_id, params=[Param(name, value) for name, value in entry.texts.items()])
        case "tags":
            client.log_batch(run_id, tags=[RunTag(name, value) for name, value in entry.texts.items()])
        case "artifact":
            _send_artifact(client, outbox, entry)
        case "status":
            client.set_terminated(run_id, entry.texts["status"], end_time=entry.time)


def _send_artifact(client: MlflowClient, outbox: Outbox, entry: Entry) -> None:
    """Send an artifact from a copy that has its name in the run."""
    import tempfile
    from pathlib import Path

    folder, _, name = entry.path.rpartition("/")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / name
        copy.write_bytes((outbox.folder / entry.file).read_bytes())
        client.log_artifact(str(outbox.run_id), str(copy), folder or None)


def now() -> int:
    """Milliseconds since 1970, the unit of MLflow's times."""
    return int(time.time() * 1000)


def _is_gone(error: Exception) -> bool:
    return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"


def _nothing(*_: Any) -> None:
    """Do nothing."""
