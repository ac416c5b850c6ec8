"""Opens tracked runs: starts their sender, and first sends what earlier jobs could not."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pipeline.config.run import TrackConfig
from pipeline.errors import ConfigError
from pipeline.redact import redacted
from pipeline.store.filesystem import StoragePath
from pipeline.tracking.address import Address, address_of
from pipeline.tracking.mlflow_requests import now
from pipeline.tracking.mlflow_sender import MlflowSender
from pipeline.tracking.mlflow_store import connect, is_down, reason_of
from pipeline.tracking.mlflow_tracker import MlflowTracker
from pipeline.tracking.outbox import Entry, OutboxRun, new_outbox, outbox_folder, unsent_outboxes
from pipeline.tracking.tags import run_tags
from pipeline.tracking.tracker import NullTracker, Tracker

logger = logging.getLogger(__name__)


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
        uri=redacted(address.uri),
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


def send_unsent(address: Address, root: StoragePath) -> tuple[int, int]:
    """Send what earlier jobs could not; the run of a killed job ends with status KILLED.

    Returns:
        The number of runs that were sent completely, and of those of which something is left.
    """
    sent = left = 0
    for outbox in unsent_outboxes(outbox_folder(root), redacted(address.uri)):
        sender = MlflowSender(address, outbox, may_exist=True)
        try:
            if not outbox.is_ended:
                outbox.add(outbox.last_status or Entry(kind="status", time=now(), texts={"status": "KILLED"}))
            sender.send_all()
        except Exception as error:  # the next job tries again
            logger.log(
                logging.DEBUG if is_down(error) else logging.WARNING,
                "Run %s of an earlier job could not be completed. Its entries stay in %s. %s",
                outbox.run_id, outbox.folder, reason_of(error),
            )  # fmt: skip
            outbox.leave()
            left += 1
            if is_down(error) and not sender.is_open:
                break
            continue
        if sender.release():
            logger.info("Sent the remaining entries of run %s, of an earlier job", outbox.run_id)
            sent += 1
        else:
            left += 1
    return sent, left
