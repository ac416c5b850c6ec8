"""Sends what a run logs to MLflow from a thread of its own, so that logging never waits for the server.

A server that does not answer is retried; the entries wait in the run's outbox. A server that was restarted empty, and
so no longer has the run, gets everything again, in a new run. An entry that the server refuses is left out; a model and
its registration stay in the outbox, behind all others, for a later job.

Two kinds of threads meet here. Those that log call `post`, `wait` and `close`; one sender thread does everything else.
The condition `_changed` guards the outbox and the flags. It is never held during a request: a server that hangs must
not block the threads that log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError
from pipeline.redact import redacted
from pipeline.tracking.address import Address
from pipeline.tracking.mlflow_requests import next_batch, send
from pipeline.tracking.mlflow_store import (
    connect,
    find_experiment,
    has_response,
    is_down,
    reason_of,
    resumed_run,
)
from pipeline.tracking.outbox import Entry, EntryKind, Outbox

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds between two attempts to reach a server."""
LONGEST_WAIT = 3600.0
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
        self._may_exist, self._failures, self._retries_now, self._waiting = may_exist, 0, False, 0
        self.answers: dict[EntryKind, Any] = {}
        """Of the latest model and registration: the URI or the version, or None where the server refused it."""
        self.kept: list[Entry] = []
        """Entries that the server refused and that stay in the outbox; this sender does not try them again."""

    def start(self, then: Callable[[], object]) -> None:
        """Send in the background until `close`; call `then` once, after everything was sent for the first time."""
        threading.Thread(target=self._work, args=(then,), name="mlflow", daemon=True).start()

    def post(self, add: Callable[[Outbox], None]) -> bool:
        """Add an entry to the outbox, to be sent in its turn. Called by the threads that log.

        Returns:
            False if it could not be stored.
        """
        with self._changed:
            try:
                add(self.outbox)
            except OSError as error:
                logger.warning("An entry of the tracked run could not be stored in %s: %s", self.outbox.folder, error)
                return False
            finally:
                self._changed.notify_all()
        return True

    def wait(self, seconds: float, after_failure: float = 0.0) -> bool:
        """Wait until the run is open and everything was sent.

        Args:
            seconds: the longest wait.
            after_failure: how long after the first failed attempt others are waited for; one in progress is not cut.
        """
        return self._wait_until(lambda: self._is_done, seconds, after_failure)

    def wait_for_turn(self, kind: EntryKind, seconds: float, after_failure: float) -> bool:
        """Wait until the run is open and the next entry to be sent is of a kind, or all were sent."""
        return self._wait_until(
            lambda: self._is_done or (self._opened and self.outbox.pending[0].kind == kind), seconds, after_failure
        )

    def wait_for_answer(self, kind: EntryKind, seconds: float, after_failure: float) -> bool:
        """Wait until the server took or refused an entry of a kind, see `answers`."""
        return self._wait_until(lambda: kind in self.answers or self.refusal is not None, seconds, after_failure)

    def _wait_until(self, holds: Callable[[], bool], seconds: float, after_failure: float) -> bool:
        end, give_up = time.monotonic() + min(seconds, LONGEST_WAIT), 0.0
        with self._changed:
            self._retries_now, self._waiting = True, self._waiting + 1
            self._changed.notify_all()
            while not holds() and time.monotonic() < end:
                failures = self._failures
                self._changed.wait_for(partial(self._has_news, holds, failures), end - time.monotonic())
                if self._failures > failures:
                    give_up = give_up or time.monotonic() + after_failure
                    if time.monotonic() >= give_up:
                        break
            self._waiting -= 1
            return holds()

    def _has_news(self, holds: Callable[[], bool], failures: int) -> bool:
        return holds() or self._failures > failures

    @property
    def is_open(self) -> bool:
        """Whether the server has answered, and has the run."""
        return self._opened

    @property
    def _is_done(self) -> bool:
        return self.refusal is not None or (self._opened and not self._has_next)

    @property
    def _has_next(self) -> bool:
        """Whether an entry is pending that was not refused."""
        return any(entry not in self.kept for entry in self.outbox.pending)

    def close(self, seconds: float, after_failure: float = 0.0) -> bool:
        """Stop; False where entries are left, which a later job sends. See `wait`.

        The sender thread is not joined, because it may hang in a request. It is a daemon, and after `_closing` it no
        longer touches the outbox: see `_mark`.
        """
        self.wait(seconds, after_failure)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            return self.release()

    def release(self) -> bool:
        """Remove the outbox if everything was sent, else leave it to a later job."""
        done = self._opened and self.outbox.all_sent
        if done:
            self.outbox.remove()
            return True
        if not self.outbox.is_ended and (status := self.outbox.last_status):
            with suppress(OSError):
                self.outbox.add(status)  # whoever sends the rest sets the run to running for it
        self.outbox.leave()
        return False

    def send_all(self) -> None:
        """Send an outbox that another job left, in this thread.

        Raises:
            Exception: the store does not answer; the rest stays in the outbox.
        """
        while not self._opened or self._has_next:
            self._step()

    def _work(self, then: Callable[[], object]) -> None:
        pause = FIRST_PAUSE
        while self._is_needed():
            try:
                self._step()
            except ConfigError as error:
                with self._changed:
                    self.refusal = error
                    self._changed.notify_all()
                return
            except Exception as error:
                self._report_down(error)
                self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            self._report_back()
            if self._is_done:
                try:
                    then()
                except Exception as error:  # not one of this run, whose entries follow
                    logger.warning("What earlier jobs left could not be sent. %s", reason_of(error))
                then = _nothing

    def _pause(self, seconds: float) -> None:
        """Pause after a failure: not for long while somebody waits for the next attempt."""
        with suppress(OSError, ValueError):  # the outbox may have been closed meanwhile
            self.outbox.sync()
        with self._changed:
            self._failures, self._retries_now = self._failures + 1, False
            self._changed.notify_all()
            seconds = min(seconds, FIRST_PAUSE) if self._waiting else seconds
            self._changed.wait_for(lambda: self._closing or self._retries_now, seconds)

    def _is_needed(self) -> bool:
        """Sleep until there is something to do; False once the sender is closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or not self._opened or self._has_next)
            return not self._closing

    def _step(self) -> None:
        """Open the run, or send some entries."""
        if self.client is None or self.outbox.run_id is None or not self._opened:
            self._open()
            return
        with self._changed:
            batch, sent = next_batch(self.outbox.pending, several=self._batches), self.outbox.sent
        if not batch:
            return
        if batch[0] in self.kept:
            self._postpone()
            return
        try:
            answer = send(self.client, self.outbox, batch)
        except Exception as error:
            self._failed(batch, error)
            return
        self._mark(self.outbox.run_id, sent + len(batch))
        self._answer(batch[0].kind, answer)

    def _failed(self, batch: Sequence[Entry], error: Exception) -> None:
        """Decide what to do about entries that were not taken.

        Raises:
            Exception: the error, if the server did not answer.
        """
        first = batch[0]
        # A registration waits for its model; without one, it would wait for ever.
        is_kept = first.kind == "model" or (first.kind == "register" and any(e.kind == "model" for e in self.kept))
        if is_down(error) and not (is_kept and has_response(error)):
            raise error
        if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST" and self._new_runs < MOST_NEW_RUNS:
            self._start_new_run()
            return
        if len(batch) > 1:  # one of them was refused: from now on each is sent alone
            self._batches = False
            return
        self._report_refused(first, error)
        if is_kept:
            self.kept.append(first)
            self._postpone()
        else:
            self._mark(self.outbox.run_id, self.outbox.sent + 1)
        self._answer(first.kind, None)

    def _postpone(self) -> None:
        """Move the next entry behind all others."""
        with self._changed:
            if not self._closing:
                with suppress(OSError):
                    self.outbox.postpone()
            self._changed.notify_all()

    def _answer(self, kind: EntryKind, answer: Any) -> None:
        with self._changed:
            self.answers[kind] = answer
            self._changed.notify_all()

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
                redacted(self._address.uri),
                self.outbox.folder,
                reason_of(error),
            )

    def _report_back(self) -> None:
        if self.is_down:
            self.is_down = False
            logger.info("MLflow at %s answers again", redacted(self._address.uri))

    def _report_refused(self, entry: Entry, error: Exception) -> None:
        reason, run_id = reason_of(error), self.outbox.run_id
        match entry.kind:
            case "model":
                logger.warning("MLflow did not take the model of run %s. %s", run_id, reason)
            case "register":
                name = entry.texts["name"]
                logger.warning("MLflow did not register the model of run %s as '%s'. %s", run_id, name, reason)
            case _ if not self._refused:
                self._refused = True
                what = {"params": "parameters", "artifact": entry.path}.get(entry.kind, entry.kind)
                logger.warning("MLflow did not take %s of run %s. %s", what, run_id, reason)


def _nothing(*_: Any) -> None:
    """Do nothing."""
